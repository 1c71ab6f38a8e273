import { describeOnMainEngines } from '../support/engine-places.ts'
import { tasksContract } from '../support/tasks-contract.ts'

describeOnMainEngines('tasks', tasksContract)
