import { describeOnClusterAndPooler } from '../support/engine-places.ts'
import { tasksContract } from '../support/tasks-contract.ts'

describeOnClusterAndPooler('tasks', tasksContract)
