/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2_tokens: who may ask. The secret of a token is in the answer that made it,
 * and nowhere else: its digest is what is kept.
 */
#include "registry/http/v2.h"

#include <errno.h>
#include "base/mem.h"

#define LONGEST_S   (100 * 366 * 86400LL)
#define TOKEN_ACTOR "token "

struct secret {
	char text[REGISTRY_SECRET_SIZE];
	char hash[REGISTRY_HASH_SIZE];
	int64_t expires_s; /* as expires_in says; 0: it says nothing */
};

/* --- making one -------------------------------------------------------------- */

static int apply_create(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	static const char *const but[] = { "expires_in", NULL };
	const struct secret *secret = edit->state;
	struct assignment more[] = {
		{ TOKEN_HASH, { .text = secret->hash } },
		{ TOKEN_EXPIRES_AT, { .number = secret->expires_s } },
	};

	return v2_make(edit, tx, KIND_TOKEN, edit->body, but, more,
	               secret->expires_s ? 2 : 1, &edit->edited, err);
}

static void write_made(struct call_edit *edit, struct model_tx *tx,
                       struct json_writer *json)
{
	const struct secret *secret = edit->state;

	(void)tx;
	json_write_object(json);
	json_write_key(json, "token");
	json_write_string(json, secret->text);
	json_write_key(json, "id");
	json_write_u64(json, object_id(edit->edited));
	for (unsigned i = 0; i < N_TOKEN_FIELDS; i++) {
		if (i != TOKEN_HASH)
			v2_write_field(json, edit->edited, i);
	}
	json_write_object_end(json);
}

static void release(struct call_edit *edit)
{
	mem_free(edit->state);
}

/* False: answered. */
static bool read_expiry(struct registry_call *call, const struct json_t *body,
                        struct secret *secret)
{
	const struct json_t *value = json_get(body, "expires_in");
	int64_t seconds = json_as_int(value, 0);

	if (json_is_missing(value))
		return true;
	if (seconds > 0 && seconds <= LONGEST_S) {
		secret->expires_s = registry_now_s(call->registry) + seconds;
		return true;
	}
	call_refuse_field(call, 400, "expires_in",
	                  "must be a number of seconds from 1");
	return false;
}

void v2_token_create(struct registry_call *call)
{
	struct call_edit edit = { .apply = apply_create,
		                  .write = write_made,
		                  .release = release,
		                  .exists_status = 400 };
	struct secret *secret;

	edit.body = call_body(call);
	if (!edit.body)
		return;
	secret = mem_calloc(1, sizeof(*secret));
	edit.state = secret;
	if (!secret || registry_secret_make(secret->text) < 0) {
		call_refuse(call, 500, "the system gave no memory or chance");
	} else if (read_expiry(call, edit.body, secret)) {
		registry_secret_hash(slice_from(secret->text), secret->hash);
		call_edit(call, &edit);
		return;
	}
	mem_free(secret);
	json_free(edit.body);
}

/* --- who asks ---------------------------------------------------------------- */

static const struct object *asking_token(const struct registry_call *call)
{
	size_t n = strlen(TOKEN_ACTOR);

	return strncmp(call->actor, TOKEN_ACTOR, n) == 0
	               ? model_find_name(registry_model(call->registry),
	                                 KIND_TOKEN, call->actor + n)
	               : NULL;
}

static void write_flag(struct json_writer *json, const char *key, bool flag)
{
	json_write_key(json, key);
	json_write_bool(json, flag);
}

static void write_text(struct json_writer *json, const char *key,
                       const char *text)
{
	json_write_key(json, key);
	json_write_string(json, text);
}

/* The members that Promgen's users have. */
static void write_me(struct json_writer *json, const char *actor,
                     const struct object *token)
{
	bool admin =
		!token || strcmp(object_text(token, TOKEN_SCOPE), "admin") == 0;

	json_write_object(json);
	json_write_key(json, "id");
	json_write_u64(json, token ? object_id(token) : 0);
	write_text(json, "username",
	           token ? object_text(token, TOKEN_NAME) : actor);
	write_text(json, "email", "");
	write_text(json, "first_name", "");
	write_text(json, "last_name", "");
	write_flag(json, "is_staff", admin);
	write_flag(json, "is_superuser", admin);
	if (token) {
		v2_write_field(json, token, TOKEN_SCOPE);
		v2_write_field(json, token, TOKEN_EXPIRES_AT);
	} else {
		write_text(json, "scope", "admin");
		write_text(json, "expires_at", NULL);
	}
	json_write_object_end(json);
}

void v2_me(struct registry_call *call)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	write_me(&json, call->actor, asking_token(call));
	call_answer(call, 200, &body);
}
