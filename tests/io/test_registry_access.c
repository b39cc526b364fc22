/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask the registry for what: every scope against every token, however
 * it is sent. */
#include "hub_kit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/base64.h"
#include "io/http_client.h"
#include "io/http_server.h"

#define N_SCOPES (SCOPE_ADMIN + 1)

/* A server that asks who it is, as the routes do. */
struct world {
	struct registry *registry;
	struct http_server *server;
	struct http_client *client;
	enum registry_scope scope; /* that is wanted */
	struct log log;
	bool closed;
};

struct asked {
	struct http_call call;
	struct buf body;
	bool done;
};

static void answer(void *context, struct http_exchange *exchange)
{
	struct world *world = context;
	char actor[REGISTRY_ACTOR_MAX];

	if (registry_admit(world->registry, exchange, false, world->scope,
	                   actor))
		http_respond_text(exchange, 200, "%s", actor);
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void world_open(struct world *world)
{
	const struct http_server_options options = { 0 };
	struct err err = { 0 };

	*world = (struct world){ .registry = open_registry() };
	world->server =
		http_server_new(&loop.uv, &world->log, &options, answer, world);
	assert_non_null(world->server);
	assert_int_equal(http_server_listen(world->server,
	                                    slice_from("127.0.0.1:0"), &err),
	                 0);
	world->client = http_client_new(&loop.uv, NULL);
	assert_non_null(world->client);
}

static void world_close(struct world *world)
{
	bool closed = false;

	http_client_close(world->client, on_closed, &closed);
	test_loop_until(&loop, &closed);
	closed = false;
	http_server_close(world->server, 0, on_closed, &closed);
	test_loop_until(&loop, &closed);
	close_registry(world->registry);
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct asked *asked = container_of(call, struct asked, call);

	return buf_append(&asked->body, bytes.p, bytes.n);
}

static void on_done(struct http_call *call)
{
	container_of(call, struct asked, call)->done = true;
}

/* The status; the body in @text. @header NULL: nothing is sent. */
static unsigned ask(struct world *world, enum registry_scope scope,
                    const char *header, char *text, size_t size)
{
	const struct http_header headers[] = {
		{ slice_from("Authorization"), slice_from(header) },
	};
	struct asked asked = {
		.call = { .method = "GET",
		          .target = slice_from("/x"),
		          .headers = headers,
		          .n_headers = header ? 1 : 0,
		          .max_body = 4096,
		          .on_body = on_body },
	};
	char url[64];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u",
	               http_server_port(world->server, 0));
	assert_int_equal(url_parse(slice_from(url), 80, &asked.call.url, NULL),
	                 0);
	world->scope = scope;
	buf_init(&asked.body, 4096);
	assert_int_equal(http_client_call(world->client, &asked.call, on_done),
	                 0);
	test_loop_until(&loop, &asked.done);
	assert_int_equal(asked.call.err.code, 0);
	(void)snprintf(text, size, "%s", buf_text(&asked.body));
	buf_fini(&asked.body);
	return asked.call.status;
}

static unsigned status_of(struct world *world, enum registry_scope scope,
                          const char *header)
{
	char text[4096];

	return ask(world, scope, header, text, sizeof(text));
}

/* --- tokens -------------------------------------------------------------------- */

struct minted {
	struct registry_edit edit;
	const char *name;
	const char *scope;
	const char *hash;
	int64_t expires_s;
	bool done;
};

static int mint(struct registry_edit *edit, struct model_tx *tx,
                struct err *err)
{
	struct minted *minted = container_of(edit, struct minted, edit);
	const struct assignment set[] = {
		{ TOKEN_NAME, { .text = minted->name } },
		{ TOKEN_HASH, { .text = minted->hash } },
		{ TOKEN_SCOPE, { .text = minted->scope } },
		{ TOKEN_CREATED_AT, { .number = NOW_S } },
		{ TOKEN_EXPIRES_AT, { .number = minted->expires_s } },
	};
	struct object *object;

	return model_create(tx, KIND_TOKEN, set, ARRAY_SIZE(set), &object, err);
}

static void on_minted(struct registry_edit *edit)
{
	container_of(edit, struct minted, edit)->done = true;
}

/* A token of that scope; "Bearer SECRET" into @header. */
static void make_token(struct world *world, const char *scope,
                       int64_t expires_s, char header[64])
{
	static unsigned n_made;
	char secret[REGISTRY_SECRET_SIZE];
	char hash[REGISTRY_HASH_SIZE];
	char name[32];
	struct minted minted = {
		.edit = { .apply = mint, .done = on_minted, .who = "tester" },
		.name = name,
		.scope = scope,
		.hash = hash,
		.expires_s = expires_s,
	};

	(void)snprintf(name, sizeof(name), "%s-%u", scope, n_made++);
	assert_int_equal(registry_secret_make(secret), 0);
	assert_int_equal(strlen(secret), REGISTRY_SECRET_SIZE - 1);
	assert_memory_equal(secret, "bnc_", 4);
	registry_secret_hash(slice_from(secret), hash);
	registry_submit(world->registry, &minted.edit);
	test_loop_until(&loop, &minted.done);
	if (minted.edit.outcome != REGISTRY_DONE)
		fail_msg("%s", minted.edit.err.message);
	(void)snprintf(header, 64, "Bearer %s", secret);
}

static void every_scope_with_every_token(void **state)
{
	static const struct {
		const char *scope;
		bool may[N_SCOPES]; /* none find read alerts write admin */
	} rows[] = {
		{ "alerts", { 1, 0, 0, 1, 0, 0 } },
		{ "read", { 1, 1, 1, 0, 0, 0 } },
		{ "write", { 1, 1, 1, 1, 1, 0 } },
		{ "admin", { 1, 1, 1, 1, 1, 1 } },
	};
	struct world world;
	char header[64];

	(void)state;
	world_open(&world);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		make_token(&world, rows[i].scope, 0, header);
		for (unsigned scope = 0; scope < N_SCOPES; scope++)
			assert_int_equal(status_of(&world,
			                           (enum registry_scope)scope,
			                           header),
			                 rows[i].may[scope] ? 200 : 403);
	}
	for (unsigned scope = 0; scope < N_SCOPES; scope++)
		assert_int_equal(
			status_of(&world, (enum registry_scope)scope, NULL),
			scope == SCOPE_NONE ? 200 : 401);
	world_close(&world);
}

static void however_it_is_sent(void **state)
{
	struct world world;
	char header[64];
	char other[128];
	char text[4096];
	struct buf encoded;

	(void)state;
	world_open(&world);
	make_token(&world, "read", 0, header);
	assert_int_equal(ask(&world, SCOPE_READ, header, text, sizeof(text)),
	                 200);
	assert_memory_equal(text, "token read-", 11);
	(void)snprintf(other, sizeof(other), "tOKEN %s", header + 7);
	assert_int_equal(status_of(&world, SCOPE_READ, other), 200);

	buf_init(&encoded, 256);
	(void)snprintf(text, sizeof(text), "whoever:%s", header + 7);
	assert_int_equal(base64_encode(&encoded, slice_from(text)), 0);
	(void)snprintf(other, sizeof(other), "Basic %s", buf_text(&encoded));
	assert_int_equal(status_of(&world, SCOPE_READ, other), 200);
	buf_reset(&encoded);
	assert_int_equal(base64_encode(&encoded, slice_from(header + 7)), 0);
	(void)snprintf(other, sizeof(other), "Basic %s", buf_text(&encoded));
	assert_int_equal(status_of(&world, SCOPE_READ, other), 401);
	buf_fini(&encoded);

	header[strlen(header) - 1] ^= 1;
	assert_int_equal(status_of(&world, SCOPE_READ, header), 401);
	assert_int_equal(status_of(&world, SCOPE_READ, "Bearer "), 401);
	assert_int_equal(status_of(&world, SCOPE_READ, "Bearer"), 401);
	assert_int_equal(status_of(&world, SCOPE_READ, "Basic !!!"), 401);
	assert_int_equal(status_of(&world, SCOPE_READ, "Digest x"), 401);
	world_close(&world);
}

static void an_end_is_an_end(void **state)
{
	struct world world;
	struct registry_stats stats;
	char header[64];
	char text[4096];

	(void)state;
	world_open(&world);
	make_token(&world, "admin", registry_now_s(world.registry) + 3600,
	           header);
	assert_int_equal(status_of(&world, SCOPE_ADMIN, header), 200);
	make_token(&world, "admin", registry_now_s(world.registry), header);
	assert_int_equal(ask(&world, SCOPE_ADMIN, header, text, sizeof(text)),
	                 401);
	assert_non_null(strstr(text, "has expired"));
	make_token(&world, "read", 0, header);
	assert_int_equal(ask(&world, SCOPE_WRITE, header, text, sizeof(text)),
	                 403);
	assert_non_null(strstr(text, "has the scope read; this needs write"));
	registry_stats(world.registry, &stats);
	assert_int_equal(stats.n_refused[0], 1);
	assert_int_equal(stats.n_refused[1], 1);
	world_close(&world);
	/* one line; the other is counted with the next */
	assert_null(
		strstr(strstr(buf_text(&log_text), "refused") + 1, "refused"));
}

static void discovery_may_be_open(void **state)
{
	struct world world;

	(void)state;
	config.open_discovery = true;
	world_open(&world);
	assert_int_equal(status_of(&world, SCOPE_FIND, NULL), 200);
	assert_int_equal(status_of(&world, SCOPE_READ, NULL), 401);
	world_close(&world);
}

static void write_file(const char *file_path, const char *text, mode_t mode)
{
	FILE *file = fopen(file_path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(file_path, mode), 0);
}

static void the_configuration_brings_some(void **state)
{
	char file_path[108];
	const struct config_registry_token tokens[] = {
		{ "deploy", "write", file_path },
	};
	struct config_registry next;
	struct world world;
	struct err err;
	char text[4096];

	(void)state;
	write_file(test_loop_path(&loop, "token", file_path), "s3cret\n", 0600);
	config.tokens = tokens;
	config.n_tokens = 1;
	world_open(&world);
	assert_int_equal(
		ask(&world, SCOPE_WRITE, "Bearer s3cret", text, sizeof(text)),
		200);
	assert_string_equal(text, "token deploy\n");
	assert_int_equal(status_of(&world, SCOPE_ADMIN, "Bearer s3cret"), 403);

	/* a reload reads it again, or leaves all as it is */
	next = config;
	write_file(file_path, "other\n", 0644);
	assert_int_equal(registry_plan(world.registry, &next, &err), -EPERM);
	assert_non_null(strstr(err.message, "registry.tokens[0].token_file"));
	assert_int_equal(status_of(&world, SCOPE_READ, "Bearer s3cret"), 200);
	write_file(file_path, "other\n", 0600);
	assert_int_equal(registry_plan(world.registry, &next, &err), 0);
	registry_follow(world.registry, &next);
	assert_int_equal(status_of(&world, SCOPE_READ, "Bearer s3cret"), 401);
	assert_int_equal(status_of(&world, SCOPE_READ, "Bearer other"), 200);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) \
	cmocka_unit_test_setup_teardown(name, hub_set_up, hub_tear_down)
		ROW(every_scope_with_every_token),
		ROW(however_it_is_sent),
		ROW(an_end_is_an_end),
		ROW(discovery_may_be_open),
		ROW(the_configuration_brings_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
