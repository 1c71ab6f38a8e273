import { describeOnMainEngines } from '../support/engine-places.ts'
import { webhooksContract } from '../support/webhooks-contract.ts'

describeOnMainEngines('webhooks', webhooksContract)
