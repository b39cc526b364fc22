/* SPDX-License-Identifier: Apache-2.0 */
/* tls: the filter alone, against a server in memory. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "io/tls_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/tls.h"

static struct tls_kit_files files;

struct pair {
	struct tls_context *context;
	struct tls *tls;
	struct tls_kit_server server;
	struct tls_kit_session session;
	struct peer_text got; /* by the client, in plain text */
	size_t piece;         /* bytes of the server's handed over at once */
	struct err err;
	bool established;
	bool ended;
};

static void pair_init(struct pair *pair, enum tls_kit_name name,
                      const char *host)
{
	struct tls_options options = { .ca = files.ca };

	memset(pair, 0, sizeof(*pair));
	tls_kit_server_init(&pair->server, files.of[name], NULL);
	tls_kit_session_init(&pair->session, &pair->server);
	assert_int_equal(tls_context_new(&pair->context, &options, &pair->err),
	                 0);
	assert_int_equal(tls_new(&pair->tls, pair->context, slice_from(host),
	                         &pair->err),
	                 0);
}

static void pair_fini(struct pair *pair)
{
	tls_free(pair->tls);
	tls_context_unref(pair->context);
	tls_kit_session_fini(&pair->session);
	tls_kit_server_fini(&pair->server);
	free(pair->got.p);
}

/* Returns what the last call said. */
static int client_takes(struct pair *pair, const char *bytes, size_t n)
{
	char plain[100];
	size_t got;
	int r = 0;

	tls_feed(pair->tls, slice_make(bytes, n));
	if (!pair->established) {
		r = tls_handshake(pair->tls, &pair->err);
		pair->established = r == 0;
	}
	while (pair->established && r == 0) {
		r = tls_read(pair->tls, plain, sizeof(plain), &got, &pair->err);
		if (r == 0)
			tls_kit_append(&pair->got, plain, got);
	}
	pair->ended = pair->ended || r == TLS_END;
	return r;
}

static void server_takes(struct pair *pair)
{
	struct slice output = tls_output(pair->tls);

	while (output.n > 0) {
		tls_kit_session_feed(&pair->session, output.p, output.n);
		tls_sent(pair->tls);
		output = tls_output(pair->tls);
	}
}

/* Until nobody has anything to say; negative if the client has failed. */
static int run(struct pair *pair)
{
	int r = client_takes(pair, "", 0);

	for (;;) {
		size_t n;

		server_takes(pair);
		n = pair->session.out.n;
		if (r < 0 || n == 0)
			return r;
		if (pair->piece)
			n = MIN(n, pair->piece);
		r = client_takes(pair, pair->session.out.p, n);
		tls_kit_consume(&pair->session.out, n);
	}
}

static void client_says(struct pair *pair, const char *text)
{
	size_t n = strlen(text);
	size_t taken;

	while (n > 0) {
		int r = tls_write(pair->tls, slice_make(text, n), &taken,
		                  &pair->err);

		server_takes(pair);
		if (r == TLS_MORE)
			continue;
		assert_int_equal(r, 0);
		text += taken;
		n -= taken;
	}
}

/* --- names and dates ----------------------------------------------------- */

static void test_who_is_believed(void **state)
{
	static const struct {
		enum tls_kit_name name;
		const char *host;
		const char *complaint; /* its beginning; NULL: none */
	} rows[] = {
		{ TLS_KIT_GOOD, "localhost", NULL },
		{ TLS_KIT_GOOD, "LocalHost.", NULL },
		{ TLS_KIT_GOOD, "127.0.0.1", NULL },
		{ TLS_KIT_GOOD, "::1", NULL },
		{ TLS_KIT_GOOD, "::1%lo", NULL },
		{ TLS_KIT_GOOD, "a.wild.test", NULL },
		{ TLS_KIT_GOOD, "a.b.wild.test",
		  "the certificate is not issued for a.b.wild.test" },
		{ TLS_KIT_GOOD, "good",
		  "the certificate is not issued for good" },
		{ TLS_KIT_GOOD, "127.0.0.2",
		  "the certificate is not issued for 127.0.0.2" },
		{ TLS_KIT_GOOD, "::2",
		  "the certificate is not issued for "
		  "::2" },
		{ TLS_KIT_OTHER, "other.test", NULL },
		/* an address is never a common name */
		{ TLS_KIT_OTHER, "127.0.0.1",
		  "the certificate is not issued for 127.0.0.1" },
		{ TLS_KIT_CLIENT, "::1", "the certificate is not issued for" },
		{ TLS_KIT_EXPIRED, "localhost", "the certificate has expired" },
		{ TLS_KIT_FUTURE, "localhost",
		  "the certificate is not valid yet: is the clock right?" },
		{ TLS_KIT_UNKNOWN, "localhost",
		  "the certificate is of an unknown authority: it is not in "
		  "/tmp/bouncer-" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *expected = rows[i].complaint;
		struct pair pair;
		int r;

		pair_init(&pair, rows[i].name, rows[i].host);
		r = run(&pair);
		if ((r < 0) != (expected != NULL))
			fail_msg("%zu, %s: %d %s", i, rows[i].host, r,
			         pair.err.message);
		if (expected) {
			assert_int_equal(r, -EPROTO);
			assert_memory_equal(pair.err.message, expected,
			                    strlen(expected));
			/* and the server was told */
			assert_int_not_equal(pair.session.refusal, 0);
			assert_int_equal(run(&pair), -EPROTO);
		} else {
			assert_true(pair.session.established);
		}
		pair_fini(&pair);
	}
}

static void test_no_name(void **state)
{
	struct pair pair;
	struct tls *other = NULL;
	char name[300];

	memset(name, 'a', sizeof(name));
	pair_init(&pair, TLS_KIT_GOOD, "localhost");
	assert_int_equal(
		tls_new(&other, pair.context, slice_from(""), &pair.err),
		-EINVAL);
	assert_int_equal(tls_new(&other, pair.context,
	                         slice_make(name, sizeof(name)), &pair.err),
	                 -EINVAL);
	assert_null(other);
	pair_fini(&pair);
}

/* --- what is said -------------------------------------------------------- */

static void test_both_ways_in_pieces(void **state)
{
	static const size_t pieces[] = { 0, 1, 2, 7, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct pair pair;

		pair_init(&pair, TLS_KIT_GOOD, "localhost");
		pair.piece = pieces[i];
		assert_int_equal(run(&pair), TLS_MORE);
		assert_true(pair.established);
		client_says(&pair, "how do you do");
		assert_string_equal(pair.session.received.p, "how do you do");
		tls_kit_session_write(&pair.session, "very well", 9);
		assert_int_equal(run(&pair), TLS_MORE);
		assert_string_equal(pair.got.p, "very well");
		assert_false(pair.ended);
		tls_kit_session_end(&pair.session);
		assert_int_equal(run(&pair), TLS_END);
		tls_shut_down(pair.tls);
		server_takes(&pair);
		assert_true(pair.session.ended);
		pair_fini(&pair);
	}
}

/* More than its output may hold: it says so, and goes on where it was. */
static void test_much(void **state)
{
	size_t size = 5 * TLS_MAX_OUTPUT;
	char *text = malloc(size + 1);
	struct pair pair;
	size_t at;
	size_t n;
	int r = 0;

	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 26);
	text[size] = '\0';
	pair_init(&pair, TLS_KIT_GOOD, "localhost");
	assert_int_equal(run(&pair), TLS_MORE);
	for (at = 0; r == 0; at += n) {
		n = 0;
		assert_true(at < size);
		r = tls_write(pair.tls, slice_make(text + at, TLS_MAX_PLAIN),
		              &n, &pair.err);
	}
	assert_int_equal(r, TLS_MORE);
	assert_int_equal(tls_output(pair.tls).n, TLS_MAX_OUTPUT);
	/* what was handed out is not handed out again */
	assert_int_equal(tls_output(pair.tls).n, 0);
	pair_fini(&pair);

	pair_init(&pair, TLS_KIT_GOOD, "localhost");
	assert_int_equal(run(&pair), TLS_MORE);
	client_says(&pair, text);
	assert_string_equal(pair.session.received.p, text);
	tls_kit_session_write(&pair.session, text, size);
	assert_int_equal(run(&pair), TLS_MORE);
	assert_string_equal(pair.got.p, text);
	pair_fini(&pair);
	free(text);
}

/* One byte that was changed on the way ends it, wherever. */
static void test_bytes_changed_on_the_way(void **state)
{
	for (size_t at = 5; at < 30; at++) {
		struct pair pair;

		pair_init(&pair, TLS_KIT_GOOD, "localhost");
		assert_int_equal(run(&pair), TLS_MORE);
		tls_kit_session_write(&pair.session, "very well", 9);
		assert_true(pair.session.out.n >= 30);
		pair.session.out.p[at] ^= 0x40;
		assert_int_equal(run(&pair), -EPROTO);
		assert_null(pair.got.p);
		pair_fini(&pair);
	}
}

static void test_a_peer_that_speaks_something_else(void **state)
{
	struct pair pair;

	pair_init(&pair, TLS_KIT_GOOD, "localhost");
	tls_kit_append(&pair.session.out, "HTTP/1.1 400 Bad Request\r\n\r\n",
	               28);
	assert_int_equal(run(&pair), -EPROTO);
	assert_string_equal(pair.err.message,
	                    "the peer does not speak TLS: http://, without s, "
	                    "may be right");
	pair_fini(&pair);
}

/* What an attacker, or an old server, would have: TLS 1.1. */
static void test_an_old_version(void **state)
{
	static const char hello[] = "\x16\x03\x02\x00\x2a" /* ServerHello */
				    "\x02\x00\x00\x26\x03\x02";
	struct pair pair;
	char bytes[47] = { 0 };

	memcpy(bytes, hello, sizeof(hello) - 1);
	bytes[44] = (char)0xc0;
	bytes[45] = 0x09;
	pair_init(&pair, TLS_KIT_GOOD, "localhost");
	tls_kit_append(&pair.session.out, bytes, sizeof(bytes));
	assert_int_equal(run(&pair), -EPROTO);
	assert_false(pair.established);
	pair_fini(&pair);
}

static void test_what_came_is_pending(void **state)
{
	struct pair pair;
	char plain[4];
	size_t n;

	pair_init(&pair, TLS_KIT_GOOD, "localhost");
	assert_int_equal(run(&pair), TLS_MORE);
	assert_false(tls_is_pending(pair.tls));
	tls_kit_session_write(&pair.session, "very well", 9);
	tls_kit_session_write(&pair.session, "!", 1);
	tls_feed(pair.tls, slice_make(pair.session.out.p, pair.session.out.n));
	for (int i = 0; i < 4; i++) {
		assert_true(tls_is_pending(pair.tls));
		assert_int_equal(
			tls_read(pair.tls, plain, sizeof(plain), &n, &pair.err),
			0);
	}
	assert_false(tls_is_pending(pair.tls));
	assert_int_equal(n, 1);
	assert_int_equal(
		tls_read(pair.tls, plain, sizeof(plain), &n, &pair.err),
		TLS_MORE);
	pair_fini(&pair);
}

/* --- files --------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_bad_files(void **state)
{
	const char *good = files.of[TLS_KIT_GOOD];
	const char *client = files.of[TLS_KIT_CLIENT];
	char empty[TLS_KIT_PATH + 8];
	struct tls_context *context = NULL;
	struct err err = { 0 };

	(void)snprintf(empty, sizeof(empty), "%s/empty", files.dir);
	write_text(empty, "nothing\n");
	const struct {
		struct tls_options options;
		int code;
		const char *words; /* that are in the message */
	} rows[] = {
		{ { .ca = "/nowhere/ca.pem" }, -ENOENT, "/nowhere/ca.pem" },
		{ { .ca = files.dir }, -EINVAL, files.dir },
		{ { .ca = empty }, -EINVAL, "holds no certificate in PEM" },
		{ { .ca = files.ca, .cert = empty },
		  -EINVAL,
		  "holds no certificate in PEM" },
		{ { .ca = files.ca, .cert = files.ca },
		  -EINVAL,
		  "ca.pem: PK - " },
		{ { .ca = files.ca, .cert = client, .key = good },
		  -EINVAL,
		  "is not the key of the certificate in" },
		{ { .ca = files.ca, .key = good },
		  -EINVAL,
		  "tls_key is set without tls_cert" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			tls_context_new(&context, &rows[i].options, &err),
			rows[i].code);
		assert_null(context);
		if (!strstr(err.message, rows[i].words))
			fail_msg("%zu: %s", i, err.message);
	}
	(void)unlink(empty);
}

static void test_system_authorities(void **state)
{
	struct tls_options none = { 0 };
	struct tls_context *context = NULL;
	struct err err = { 0 };

	assert_int_equal(setenv("SSL_CERT_FILE", files.ca, 1), 0);
	assert_int_equal(tls_context_new(&context, &none, &err), 0);
	assert_true(tls_context_serves(context, &none));
	assert_int_equal(setenv("SSL_CERT_FILE", "/nowhere", 1), 0);
	assert_false(tls_context_serves(context, &none));
	tls_context_unref(context);
	assert_int_equal(tls_context_new(&context, &none, &err), -ENOENT);
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
}

/* A certificate that is renewed is read again. */
static void test_changed_files(void **state)
{
	struct tls_options options = { .ca = files.ca };
	struct tls_options other = { .ca = files.ca,
		                     .cert = files.of[TLS_KIT_CLIENT] };
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct tls_context *context = NULL;
	struct err err = { 0 };

	assert_int_equal(tls_context_new(&context, &options, &err), 0);
	assert_true(tls_context_serves(context, &options));
	assert_false(tls_context_serves(context, &other));
	assert_int_equal(utimensat(AT_FDCWD, files.ca, times, 0), 0);
	assert_false(tls_context_serves(context, &options));
	tls_context_unref(context);

	assert_int_equal(tls_context_new(&context, &other, &err), 0);
	assert_true(tls_context_serves(context, &other));
	assert_false(tls_context_serves(context, &options));
	tls_context_unref(context);
	tls_context_unref(NULL);
	tls_free(NULL);
}

/* --- memory -------------------------------------------------------------- */

/* Says whether all of it went well. */
static bool whole_conversation(void)
{
	struct tls_options options = { .ca = files.ca,
		                       .cert = files.of[TLS_KIT_CLIENT] };
	struct pair pair;
	size_t n;
	bool fine = false;

	memset(&pair, 0, sizeof(pair));
	tls_kit_server_init(&pair.server, files.of[TLS_KIT_GOOD], NULL);
	tls_kit_session_init(&pair.session, &pair.server);
	if (tls_context_new(&pair.context, &options, &pair.err) == 0 &&
	    tls_new(&pair.tls, pair.context, slice_from("localhost"),
	            &pair.err) == 0 &&
	    run(&pair) == TLS_MORE &&
	    tls_write(pair.tls, slice_from("hello"), &n, &pair.err) == 0) {
		server_takes(&pair);
		assert_string_equal(pair.session.received.p, "hello");
		fine = true;
	} else {
		assert_int_equal(pair.err.code, -ENOMEM);
	}
	pair_fini(&pair);
	return fine;
}

static void test_no_memory(void **state)
{
	size_t n;

	faults_count();
	assert_true(whole_conversation());
	n = faults_end();
	assert_true(n > 5);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		assert_false(whole_conversation());
		(void)faults_end();
	}
}

static int set_up(void **state)
{
	faults_install();
	tls_kit_write(&files);
	return 0;
}

static int tear_down(void **state)
{
	tls_kit_remove(&files);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_believed),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_both_ways_in_pieces),
		cmocka_unit_test(test_much),
		cmocka_unit_test(test_bytes_changed_on_the_way),
		cmocka_unit_test(test_a_peer_that_speaks_something_else),
		cmocka_unit_test(test_an_old_version),
		cmocka_unit_test(test_what_came_is_pending),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_system_authorities),
		cmocka_unit_test(test_changed_files),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
