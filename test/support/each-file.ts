// Runs before each test file.
import { afterAll } from 'vitest'
import { holdAnswersToTheirRoutes, requireNoFaults } from './conformance.ts'
import { endFile } from './end-of-file.ts'

holdAnswersToTheirRoutes()
afterAll(endFile)
afterAll(requireNoFaults)
