/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access: who asks, by the secret of a token, and what that token may do.
 *
 * Tokens are those of the model, kept as digests, by which they are looked up
 * (how long that takes tells nothing of a secret), and those of the
 * configuration, whose files are read at the start and at a reload.
 */
#include "registry/registry_private.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "api/auth.h"
#include "base/base64.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "proto/http.h"

#define REFUSED_LOG_MS  10000 /* a line about refusals, at most */
#define PATH_MAX_LOGGED 128
#define BODY_MAX        4096
#define SECRET_PREFIX   "bnc_"
#define CONTROL         "control socket"
#define BY_HASH         1 /* the second key of tokens */

struct access_token {
	const char *name; /* of the configuration */
	const char *scope;
	struct auth *auth;
};

struct access {
	uint64_t logged_ms; /* the last line about a refusal; 0: none */
	uint32_t n_unsaid;
	size_t n_tokens;
	struct access_token tokens[];
};

/* Who asks. */
struct caller {
	const char *name;
	const char *scope; /* NULL: nobody that we know */
	bool expired;
};

/* --- secrets --------------------------------------------------------------- */

int registry_secret_make(char secret[REGISTRY_SECRET_SIZE])
{
	static const char digits[] = "0123456789"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";
	size_t n = strlen(SECRET_PREFIX);

	memcpy(secret, SECRET_PREFIX, n);
	while (n < REGISTRY_SECRET_SIZE - 1) {
		uint8_t byte;
		int r = uv_random(NULL, NULL, &byte, 1, 0, NULL);

		if (r < 0)
			return r;
		/* all digits are as likely: what is beyond is thrown away */
		if (byte < 4 * (sizeof(digits) - 1))
			secret[n++] = digits[byte % (sizeof(digits) - 1)];
	}
	secret[n] = '\0';
	return 0;
}

void registry_secret_hash(struct slice secret, char hash[REGISTRY_HASH_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t digest[SHA256_SIZE];

	sha256(secret, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		hash[2 * i] = hex[digest[i] >> 4];
		hash[2 * i + 1] = hex[digest[i] & 15];
	}
	hash[REGISTRY_HASH_SIZE - 1] = '\0';
}

/* --- those of the configuration ----------------------------------------------- */

int access_new(const struct config_registry *config, struct access **accessp,
               struct err *err)
{
	struct access *access = mem_calloc(
		1,
		sizeof(*access) + config->n_tokens * sizeof(*access->tokens));
	int r = 0;

	if (!access)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < config->n_tokens && r == 0; i++) {
		struct access_token *token = &access->tokens[i];

		token->name = config->tokens[i].name;
		token->scope = config->tokens[i].scope;
		r = auth_new(config->tokens[i].file, NULL, &token->auth, err);
		if (r < 0)
			err_wrap(err, "registry.tokens[%zu].token_file", i);
		else
			access->n_tokens++;
	}
	if (r < 0)
		access_free(access);
	else
		*accessp = access;
	return r;
}

void access_free(struct access *access)
{
	for (size_t i = 0; access && i < access->n_tokens; i++)
		auth_free(access->tokens[i].auth);
	mem_free(access);
}

void access_replace(struct access **accessp, struct access *next)
{
	if (*accessp && next) {
		next->logged_ms = (*accessp)->logged_ms;
		next->n_unsaid = (*accessp)->n_unsaid;
	}
	access_free(*accessp);
	*accessp = next;
}

/* --- what is sent --------------------------------------------------------------- */

/* What stands behind the colon of user:password. */
static void take_password(struct slice encoded, struct buf *secret)
{
	const char *colon;

	if (base64_decode(secret, encoded) < 0)
		buf_reset(secret);
	colon = secret->n ? memchr(secret->p, ':', secret->n) : NULL;
	if (colon)
		buf_consume(secret, (size_t)(colon - secret->p) + 1);
	else
		buf_reset(secret);
}

/* Empty: none, or in a form that we do not know. */
static void take_secret(const struct http_message *message, struct buf *secret)
{
	struct slice header = http_message_header(message, "authorization");
	struct slice scheme;
	const char *blank;

	blank = header.p ? memchr(header.p, ' ', header.n) : NULL;
	if (!blank) {
		/* of http_sd_configs that name no type, Prometheus 2.42 sends
		 * the credentials and nothing else */
		(void)buf_append(secret, header.p, header.n);
		return;
	}
	scheme = slice_make(header.p, (size_t)(blank - header.p));
	header = slice_trim(slice_skip(header, scheme.n));
	if (slice_is_nocase(scheme, "Bearer") ||
	    slice_is_nocase(scheme, "Token"))
		(void)buf_append(secret, header.p, header.n);
	else if (slice_is_nocase(scheme, "Basic"))
		take_password(header, secret);
}

/* --- who that is ------------------------------------------------------------------ */

/* All of it, whatever is found on the way. */
static bool same_hash(const char *given, const char *kept)
{
	unsigned differs = 0;

	if (strlen(kept) != REGISTRY_HASH_SIZE - 1)
		return false; /* none of ours made it, whoever asks */
	for (size_t i = 0; i < REGISTRY_HASH_SIZE - 1; i++)
		differs |= (unsigned char)(given[i] ^ kept[i]);
	return differs == 0;
}

/* Expired ones count, too: their owner is told. */
static void find_caller(const struct registry *registry, struct slice secret,
                        struct caller *caller)
{
	const struct access *access = registry->access;
	int64_t now_s = registry_now_s(registry);
	const struct object *token;
	char hash[REGISTRY_HASH_SIZE];

	registry_secret_hash(secret, hash);
	token = model_find_key(registry->model, KIND_TOKEN, BY_HASH,
	                       &(union value){ .text = hash });
	if (token && same_hash(hash, object_text(token, TOKEN_HASH))) {
		int64_t expires_s = object_number(token, TOKEN_EXPIRES_AT);

		caller->name = object_text(token, TOKEN_NAME);
		caller->scope = object_text(token, TOKEN_SCOPE);
		caller->expired = expires_s > 0 && expires_s <= now_s;
	}
	for (size_t i = 0; access && i < access->n_tokens; i++) {
		if (!auth_knows(access->tokens[i].auth, secret))
			continue;
		caller->name = access->tokens[i].name;
		caller->scope = access->tokens[i].scope;
		caller->expired = false;
	}
	explicit_bzero(hash, sizeof(hash));
}

/* --- what they may ------------------------------------------------------------------ */

static bool may(const char *scope, enum registry_scope wanted)
{
	if (text_equal(scope, "admin"))
		return true;
	switch (wanted) {
	case SCOPE_NONE:
		return true;
	case SCOPE_FIND:
	case SCOPE_READ:
		return text_equal(scope, "read") || text_equal(scope, "write");
	case SCOPE_ALERTS:
		return text_equal(scope, "alerts") ||
		       text_equal(scope, "write");
	case SCOPE_WRITE:
		return text_equal(scope, "write");
	case SCOPE_ADMIN:
	default:
		return false;
	}
}

static const char *scope_name(enum registry_scope scope)
{
	static const char *const names[] = {
		[SCOPE_NONE] = "none",   [SCOPE_FIND] = "read",
		[SCOPE_READ] = "read",   [SCOPE_ALERTS] = "alerts",
		[SCOPE_WRITE] = "write", [SCOPE_ADMIN] = "admin",
	};

	return names[scope];
}

/* --- saying no ------------------------------------------------------------------------ */

static void note_refusal(struct registry *registry,
                         const struct http_exchange *exchange, uint16_t status)
{
	struct access *access = registry->access;
	uint64_t now_ms = uv_now(registry->loop);
	struct slice path = exchange->path;

	registry->stats.n_refused[status == 403]++;
	if (!access)
		return;
	if (access->logged_ms && now_ms < access->logged_ms + REFUSED_LOG_MS) {
		access->n_unsaid++;
		return;
	}
	path.n = MIN(path.n, PATH_MAX_LOGGED);
	log_warn(registry->log, "request to the registry refused",
	         LOG_INT("status", status),
	         LOG_SLICE("method", exchange->message->method),
	         LOG_SLICE("path", path),
	         LOG_INT("left_out", access->n_unsaid));
	access->logged_ms = MAX(now_ms, 1);
	access->n_unsaid = 0;
}

static void refuse(struct registry *registry, struct http_exchange *exchange,
                   uint16_t status, const char *format, ...) PRINTF_LIKE(4, 5);

static void refuse(struct registry *registry, struct http_exchange *exchange,
                   uint16_t status, const char *format, ...)
{
	struct json_writer json;
	struct buf words;
	struct buf body;
	va_list args;

	note_refusal(registry, exchange, status);
	buf_init(&words, BODY_MAX);
	buf_init(&body, 8 * BODY_MAX);
	va_start(args, format);
	(void)buf_vprintf(&words, format, args);
	va_end(args);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "detail");
	json_write_slice(&json, buf_slice(&words));
	json_write_object_end(&json);
	(void)buf_putc(&body, '\n');
	buf_fini(&words);
	http_respond(exchange, status, "application/json",
	             status == 401
	                     ? "WWW-Authenticate: Bearer realm=\"bouncer\"\r\n"
	                       "WWW-Authenticate: Basic realm=\"bouncer\"\r\n"
	                     : NULL,
	             &body);
}

/* --- the question ----------------------------------------------------------------------- */

static bool admit(struct registry *registry, struct http_exchange *exchange,
                  struct slice secret, enum registry_scope scope, char *actor)
{
	struct caller caller = { 0 };

	if (secret.n > 0)
		find_caller(registry, secret, &caller);
	if (!caller.scope)
		refuse(registry, exchange, 401,
		       "wrong or missing token; send the header "
		       "Authorization: Bearer TOKEN");
	else if (caller.expired)
		refuse(registry, exchange, 401, "the token %s has expired",
		       caller.name);
	else if (!may(caller.scope, scope))
		refuse(registry, exchange, 403,
		       "the token %s has the scope %s; this needs %s",
		       caller.name, caller.scope, scope_name(scope));
	else
		(void)snprintf(actor, REGISTRY_ACTOR_MAX, "token %s",
		               caller.name);
	return caller.scope && !caller.expired && may(caller.scope, scope);
}

bool registry_admit(struct registry *registry, struct http_exchange *exchange,
                    bool control, enum registry_scope scope, char *actor)
{
	struct buf secret;
	bool admitted;

	actor[0] = '\0';
	if (control)
		(void)snprintf(actor, REGISTRY_ACTOR_MAX, "%s", CONTROL);
	if (control || scope == SCOPE_NONE ||
	    (scope == SCOPE_FIND && registry->config->open_discovery))
		return true;
	buf_init(&secret, AUTH_MAX_SECRET * 2);
	take_secret(exchange->message, &secret);
	admitted = admit(registry, exchange, buf_slice(&secret), scope, actor);
	if (secret.p)
		explicit_bzero(secret.p, secret.cap);
	buf_fini(&secret);
	return admitted;
}

/* Whose token the message carries; false: nobody's, or it is over. */
static bool identify(const struct registry *registry,
                     const struct http_message *message, struct caller *caller)
{
	struct buf secret;

	*caller = (struct caller){ 0 };
	buf_init(&secret, AUTH_MAX_SECRET * 2);
	take_secret(message, &secret);
	if (secret.n > 0)
		find_caller(registry, buf_slice(&secret), caller);
	if (secret.p)
		explicit_bzero(secret.p, secret.cap);
	buf_fini(&secret);
	return caller->scope && !caller->expired;
}

bool registry_knows(const struct registry *registry,
                    const struct http_message *message)
{
	struct caller caller;

	return identify(registry, message, &caller);
}

enum registry_scope registry_reach(const struct registry *registry,
                                   const struct http_exchange *exchange,
                                   bool control)
{
	static const enum registry_scope scopes[] = { SCOPE_ADMIN, SCOPE_WRITE,
		                                      SCOPE_ALERTS,
		                                      SCOPE_READ };
	struct caller caller;

	if (control)
		return SCOPE_ADMIN;
	if (!identify(registry, exchange->message, &caller))
		return SCOPE_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		if (text_equal(caller.scope, scope_name(scopes[i])))
			return scopes[i];
	}
	return SCOPE_NONE;
}
