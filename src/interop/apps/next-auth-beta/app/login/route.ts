// Begins a sign-in.
import { signIn } from '@/auth'

export const GET = () => signIn('postern', { redirectTo: '/' })
