import { testScenarios } from '../../helpers/scenario-text.ts';
import { newPlayer } from './scenario.ts';

testScenarios('the transaction machine', import.meta.dirname, newPlayer);
