// What the pages of "Me" send.
import { doc } from "./client.ts";
import type { Errors } from "./documents.ts";

export interface SessionData { id: string; createdAt: number; lastUsedAt: number; ip: string | null; agent: string | null; current: boolean }

export const Sessions = doc<{ me: { sessions: SessionData[] } | null }>(
  `query Sessions { me { sessions { id createdAt lastUsedAt ip agent current } } }`);

export const SessionRevoke = doc<{ sessionRevoke: Errors & { success: boolean | null } }, { id: string }>(
  `mutation SessionRevoke($id: ID!) { sessionRevoke(input: { id: $id }) { errors { message code } success } }`);

export const NameFree = doc<{ usernameAvailable: boolean | null }, { username: string }>(
  `query NameFree($username: Username!) { usernameAvailable(username: $username) }`);

export const TakeName = doc<{ userUpdateUsername: Errors & { user: { id: string; username: string | null } | null } }, { username: string }>(
  `mutation TakeName($username: Username!) { userUpdateUsername(input: { username: $username }) { errors { message code } user { id username } } }`);
