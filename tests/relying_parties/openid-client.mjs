// https://github.com/panva/openid-client as a relying party.
import * as client from 'openid-client'
import { check, person, refused, run, show } from './person.mjs'

const options = { execute: [client.allowInsecureRequests] }
const ALL = 'openid profile phone offline_access'

async function found({ issuer, id, secret, method, key, alg }) {
  const how = {
    undefined: () => undefined, // the library's own default
    basic: () => client.ClientSecretBasic(secret),
    post: () => client.ClientSecretPost(secret),
    none: () => client.None(),
  }
  const auth = method === 'key' ? client.PrivateKeyJwt(await privateKey(key)) : how[method]()
  const metadata = { ...(secret && { client_secret: secret }), ...(alg && { id_token_signed_response_alg: alg }) }
  return client.discovery(new URL(issuer), id, metadata, auth, options)
}

async function privateKey(jwk) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return { key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']), kid: jwk.kid }
}

async function logIn(config, { redirect, scope = ALL, more = {} }) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedNonce = client.randomNonce()
  const expectedState = client.randomState()
  const back = await person(
    client.buildAuthorizationUrl(config, {
      redirect_uri: redirect,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      nonce: expectedNonce,
      state: expectedState,
      ...more,
    }),
  )
  check(back.searchParams.get('iss') === config.serverMetadata().issuer, 'iss in the answer')
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedNonce, expectedState })
}

async function whole(config, given) {
  const tokens = await logIn(config, given)
  const claims = tokens.claims()
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  check(info.phone_number === given.phone, 'the phone is at userinfo')
  if (given.method !== 'none') {
    const seen = await client.tokenIntrospection(config, tokens.access_token)
    check(seen.active && seen.client_id === config.clientMetadata().client_id && seen.sub === claims.sub, 'introspection')
  }
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
  check(fresh.claims().sub === claims.sub && fresh.claims().auth_time === claims.auth_time, 'the same person')
  await client.tokenRevocation(config, fresh.refresh_token)
  const dead = await refused(() => client.fetchUserInfo(config, fresh.access_token, claims.sub))
  check(dead instanceof client.WWWAuthenticateChallengeError && dead.status === 401, 'revoked')
  return { sub: claims.sub, id_token: tokens.id_token }
}

run({
  async code(given) {
    const { sub } = await whole(await found(given), given)
    return { sub }
  },
  async reuse(given) {
    const config = await found(given)
    const tokens = await logIn(config, given)
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
    const again = await refused(() => client.refreshTokenGrant(config, tokens.refresh_token))
    check(again.error === 'invalid_grant', 'a traded refresh token')
    const child = await refused(() => client.refreshTokenGrant(config, fresh.refresh_token))
    check(child.error === 'invalid_grant', 'its family is dead')
    await refused(() => client.fetchUserInfo(config, fresh.access_token, tokens.claims().sub))
  },
  async logout(given) {
    const config = await found(given)
    const tokens = await logIn(config, { ...given, scope: 'openid' })
    const url = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: given.left,
      state: 'gone',
    })
    const back = await person(url)
    check(back.href === `${given.left}?state=gone`, `back after logging out: ${back.href}`)
    await refused(() => client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub))
  },
  async register(given) {
    const config = await client.dynamicClientRegistration(
      new URL(given.issuer),
      {
        client_name: 'Registered by program',
        redirect_uris: [given.redirect],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      undefined,
      options,
    )
    const { sub } = await whole(config, given)
    return { sub, id: config.clientMetadata().client_id }
  },
  async device(given) {
    const config = await found(given)
    const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid offline_access' })
    const polling = client.pollDeviceAuthorizationGrant(config, asked)
    await show({ user_code: asked.user_code, verification_uri: asked.verification_uri_complete })
    const tokens = await polling
    check(tokens.refresh_token && tokens.claims().sub, 'tokens for a device')
    const again = await refused(() => client.pollDeviceAuthorizationGrant(config, asked))
    check(again.error === 'invalid_grant', 'a device code works once')
    return { sub: tokens.claims().sub }
  },
  async own(given) {
    const config = await found(given)
    const tokens = await client.clientCredentialsGrant(config, { scope: 'read' })
    check(tokens.scope === 'read' && !tokens.refresh_token, 'a token of the app itself')
    check((await client.tokenIntrospection(config, tokens.access_token)).active, 'introspection')
  },
})
