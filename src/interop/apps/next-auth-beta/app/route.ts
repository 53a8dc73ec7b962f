// next-auth 5 in Next.js: who is signed in. The rest comes from the snippet of the preset `nextjs`.
import { auth } from '@/auth'

export const GET = async () => Response.json({ claims: (await auth())?.user ?? null })
