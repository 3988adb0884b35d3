import { testScenarios } from '../../helpers/scenario-text.ts';
import { newPlayer } from './scenario.ts';

testScenarios('the controller', import.meta.dirname, newPlayer);
