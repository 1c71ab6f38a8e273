import { createServer } from 'node:http'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'
import { announce } from './announce.ts'

const directory = process.env['DATA_DIR'] ?? 'uploads'
const tus = new Server({ path: '/files', datastore: new FileStore({ directory }), relativeLocation: true })
announce(createServer((request, response) => void tus.handle(request, response)))
