import { describeOnClusterAndPooler } from '../support/engine-places.ts'
import { webhooksContract } from '../support/webhooks-contract.ts'

describeOnClusterAndPooler('webhooks', webhooksContract)
