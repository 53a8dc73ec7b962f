// What the library made of userinfo when the person signed in.
import { auth } from '@/auth'

export const GET = async () => Response.json((await auth())?.user)
