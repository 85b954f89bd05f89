// The JavaScript of the third requirement document, as it prints it, against a shop that is open.
// node system_002.mjs URL OUTBOX REQUIRED (must an address be verified before anybody signs in?)

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const [url, outbox, required] = process.argv.slice(2);

// What a browser, and the page around it, would have.
const overTheNet = globalThis.fetch;
const fetch = (path, options) => overTheNet(url + path, options);
const kept = new Map();
const localStorage = { setItem: (name, value) => kept.set(name, value) };
const seen = [];
const showEmailVerificationMessage = () => seen.push('check your email');
const redirectToDashboard = () => seen.push('dashboard');
const showRateLimitMessage = (detail) => seen.push(detail);
const showLoginError = (text) => seen.push(text);
const console = { log: (...words) => seen.push(words.join(' ')) };

async function tokenOfMail() {
  for (;;) {
    const files = (await readdir(outbox).catch(() => [])).filter((name) => name.endsWith('.eml'));
    if (files.length > 0) {
      const mail = await readFile(`${outbox}/${files[0]}`, 'utf8');
      return mail.match(/\/verify-email\/([\w-]+)\//)[1];
    }
    await pause(20);
  }
}

async function logIn(email, password) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch('/api/v1/auth/login/', { method: 'POST', headers, body: JSON.stringify({ email, password }) });
}

// ---- "Complete Registration Flow Example", printed

// 1. User Registration
const registerResponse = await fetch('/api/v1/auth/register/', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    email: 'user@example.com',
    username: 'johndoe',
    password: 'SecurePassword123',
    password_confirm: 'SecurePassword123',
    first_name: 'John',
    last_name: 'Doe',
    phone: '+212600123456'
  })
});

if (registerResponse.ok) {
  const { message, user } = await registerResponse.json();
  // Show: "Registration successful. Please check your email to verify your account."
  showEmailVerificationMessage();
  // Not printed:
  assert.equal(message, 'Registration successful. Please check your email to verify your account.');
  assert.deepEqual([user.username, user.first_name, user.email_verified], ['johndoe', 'John', false]);
}

// Not printed: who has not verified yet, where that is required.
const early = await logIn('user@example.com', 'SecurePassword123');
assert.equal(early.status, required === 'true' ? 403 : 200);
if (required === 'true') {
  assert.equal((await early.json()).code, 'email_not_verified');
}
const token = await tokenOfMail();

// 2. Email Verification (from email link click)
const verifyResponse = await fetch(`/api/v1/auth/verify-email/${token}/`);
if (verifyResponse.ok) {
  const { access, refresh, user } = await verifyResponse.json();
  // User is now verified and logged in
  localStorage.setItem('access_token', access);
  localStorage.setItem('refresh_token', refresh);
  redirectToDashboard();
  // Not printed:
  assert.equal(user.email_verified, true);
}

// 3. Login (for verified users)
const loginResponse = await fetch('/api/v1/auth/login/', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    email: 'user@example.com',
    password: 'SecurePassword123'
  })
});

const { access, refresh, user } = await loginResponse.json();

// 4. Authenticated API requests
const apiResponse = await fetch('/api/v1/products/', {
  headers: { 'Authorization': `Bearer ${access}` }
});

// 5. Logout
const logoutResponse = await fetch('/api/v1/auth/logout/', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'Authorization': `Bearer ${access}`
  },
  body: JSON.stringify({ refresh })
});

// ---- What came of it

assert.deepEqual(seen.splice(0), ['check your email', 'dashboard']);
assert.equal(user.email, 'user@example.com');
assert.equal(apiResponse.status, 200);
assert.deepEqual((await apiResponse.json()).results, []);
assert.equal(logoutResponse.status, 200);
const profile = (bearer) => fetch('/api/v1/auth/profile/', { headers: { Authorization: `Bearer ${bearer}` } });
assert.equal((await profile(access)).status, 401);
assert.equal((await profile(kept.get('access_token'))).status, 200);
assert.equal((await fetch(`/api/v1/auth/verify-email/${token}/`)).status, 410);

// ---- "Error Handling Examples", printed

async function registrationErrors(registerResponse) {
  // Registration validation errors
  if (!registerResponse.ok) {
    const errors = await registerResponse.json();
    // Handle field-specific errors
    if (errors.email) console.log('Email error:', errors.email[0]);
    if (errors.username) console.log('Username error:', errors.username[0]);
  }
}

async function loginErrors(loginResponse) {
  // Rate limiting errors
  if (loginResponse.status === 429) {
    const { detail } = await loginResponse.json();
    // "Too many failed login attempts. Please try again later."
    showRateLimitMessage(detail);
  }

  // Invalid credentials
  if (loginResponse.status === 400) {
    const errors = await loginResponse.json();
    if (errors.non_field_errors) {
      // Could be: "Invalid email or password" or "User account is not active"
      showLoginError(errors.non_field_errors[0]);
    }
  }
}

// ---- Each of its branches

const again = { email: 'user@example.com', username: 'johndoe', password: 'SecurePassword123' };
const headers = { 'Content-Type': 'application/json' };
await registrationErrors(await fetch('/api/v1/auth/register/', { method: 'POST', headers, body: JSON.stringify(again) }));
assert.deepEqual(seen.splice(0), [
  'Email error: A user with this email already exists.',
  'Username error: A user with this username already exists.',
]);

for (let n = 0; n < 3; n += 1) {
  await loginErrors(await logIn('user@example.com', 'WrongPassword123'));
}
assert.deepEqual(seen.splice(0), Array(3).fill('Invalid email or password.'));
const locked = await logIn('user@example.com', 'SecurePassword123');
assert.ok(Number(locked.headers.get('Retry-After')) > 0);
await loginErrors(locked);
assert.deepEqual(seen.splice(0), ['Too many failed login attempts. Please try again later.']);
