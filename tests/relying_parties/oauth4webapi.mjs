// https://github.com/panva/oauth4webapi as a relying party, and as a resource server that checks our access tokens.
import * as oauth from 'oauth4webapi'
import { check, person, run } from './person.mjs'

const insecure = { [oauth.allowInsecureRequests]: true }

run({
  async code({ issuer, id, secret, redirect, phone }) {
    const at = new URL(issuer)
    const found = await oauth.discoveryRequest(at, { algorithm: 'oidc', ...insecure })
    const server = await oauth.processDiscoveryResponse(at, found)
    const plain = await oauth.discoveryRequest(at, { algorithm: 'oauth2', ...insecure })
    const same = await oauth.processDiscoveryResponse(at, plain)
    check(JSON.stringify(same) === JSON.stringify(server), 'one document at both addresses')
    const me = { client_id: id }
    const auth = oauth.ClientSecretBasic(secret)

    const verifier = oauth.generateRandomCodeVerifier()
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
    const url = new URL(server.authorization_endpoint)
    for (const [name, value] of Object.entries({
      client_id: id,
      redirect_uri: redirect,
      response_type: 'code',
      scope: 'openid phone offline_access read',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    }))
      url.searchParams.set(name, value)
    const params = oauth.validateAuthResponse(server, me, await person(url), state)
    const answer = await oauth.authorizationCodeGrantRequest(server, me, auth, params, redirect, verifier, insecure)
    const checks = { expectedNonce: nonce, requireIdToken: true }
    const tokens = await oauth.processAuthorizationCodeResponse(server, me, answer, checks)
    const claims = oauth.getValidatedIdTokenClaims(tokens)
    await oauth.validateApplicationLevelSignature(server, answer, insecure)

    const infoAnswer = await oauth.userInfoRequest(server, me, tokens.access_token, insecure)
    const info = await oauth.processUserInfoResponse(server, me, claims.sub, infoAnswer)
    check(info.phone_number === phone, 'the phone is at userinfo')

    const seen = await oauth.introspectionRequest(server, me, auth, tokens.access_token, insecure)
    check((await oauth.processIntrospectionResponse(server, me, seen)).active, 'introspection')

    const headers = { authorization: `Bearer ${tokens.access_token}` }
    const request = new Request('http://resource.example/', { headers })
    const jwt = await oauth.validateJwtAccessToken(server, request, issuer, insecure)
    check(jwt.client_id === id && jwt.sub === claims.sub, 'the access token is a JWT of RFC 9068')

    const refreshed = await oauth.refreshTokenGrantRequest(server, me, auth, tokens.refresh_token, insecure)
    const fresh = await oauth.processRefreshTokenResponse(server, me, refreshed)
    const revoked = await oauth.revocationRequest(server, me, auth, fresh.refresh_token, insecure)
    await oauth.processRevocationResponse(revoked)
    const late = await oauth.introspectionRequest(server, me, auth, fresh.access_token, insecure)
    check(!(await oauth.processIntrospectionResponse(server, me, late)).active, 'revoked')
    return { sub: claims.sub }
  },
})
