import { testScenarios } from '../../helpers/scenario-text.ts';
import { newPlayer } from './scenario.ts';

testScenarios('the group machine', import.meta.dirname, newPlayer);
