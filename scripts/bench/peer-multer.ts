import { createServer } from 'node:http'
import express from 'express'
import multer from 'multer'
import { announce } from './announce.ts'

const destination = process.env['DATA_DIR'] ?? 'uploads'
const app = express()
app.post(
  '/chunk/:index',
  multer({ storage: multer.diskStorage({ destination }) }).single('chunk'),
  (request, response) => {
    response.json({ sizeBytes: request.file?.size })
  },
)
announce(createServer(app))
