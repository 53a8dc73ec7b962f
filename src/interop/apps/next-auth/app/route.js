// Who is signed in.
import { getServerSession } from 'next-auth'
import { options } from '../options'

export const GET = async () => Response.json({ claims: (await getServerSession(options))?.user ?? null })
