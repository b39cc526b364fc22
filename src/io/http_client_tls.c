/* SPDX-License-Identifier: Apache-2.0 */
/* http_client, between the first stage and the second: https. */
#include <errno.h>
#include "base/duration.h"
#include "base/mem.h"
#include "io/http_connection.h"

#define PLAIN_PIECE 4096 /* bytes that are decrypted at once, on the stack */

/* --- whose certificates count -------------------------------------------- */

static struct tls_options options_of(const struct http_client *client,
                                     const struct http_call *call)
{
	struct tls_options options = { .ca = client->tls.ca };

	if (call->tls && call->tls->ca)
		options.ca = call->tls->ca;
	/* a key goes with its certificate */
	if (call->tls && call->tls->cert) {
		options.cert = call->tls->cert;
		options.key = call->tls->key;
	} else {
		options.cert = client->tls.cert;
		options.key = client->tls.key;
	}
	return options;
}

struct tls_context *http_tls_find(const struct http_client *client,
                                  const struct http_call *call)
{
	struct tls_options options = options_of(client, call);

	for (size_t i = 0; i < ARRAY_SIZE(client->contexts); i++)
		if (client->contexts[i] &&
		    tls_context_serves(client->contexts[i], &options))
			return client->contexts[i];
	return NULL;
}

/* The oldest gives way; its sessions keep what they need of it. */
static void remember(struct http_client *client, struct tls_context *context)
{
	size_t last = ARRAY_SIZE(client->contexts) - 1;

	tls_context_unref(client->contexts[last]);
	memmove(&client->contexts[1], &client->contexts[0],
	        last * sizeof(client->contexts[0]));
	client->contexts[0] = context;
}

int http_tls_load(struct http_connection *connection, struct err *err)
{
	struct http_client *client = connection->client;
	struct tls_options options = options_of(client, connection->call);
	struct tls_context *context = http_tls_find(client, connection->call);
	int r;

	if (!context) {
		r = tls_context_new(&context, &options, err);
		if (r < 0)
			return r;
		remember(client, context);
	}
	tls_context_unref(connection->tls_context);
	connection->tls_context = tls_context_ref(context);
	return 0;
}

int http_client_set_tls(struct http_client *client,
                        const struct tls_options *options)
{
	char *ca = mem_strdup(options->ca);
	char *cert = mem_strdup(options->cert);
	char *key = mem_strdup(options->key);

	if (!ca == !options->ca && !cert == !options->cert &&
	    !key == !options->key) {
		mem_free(client->tls.ca);
		mem_free(client->tls.cert);
		mem_free(client->tls.key);
		client->tls.ca = ca;
		client->tls.cert = cert;
		client->tls.key = key;
		return 0;
	}
	mem_free(ca);
	mem_free(cert);
	mem_free(key);
	return -ENOMEM;
}

/* --- sending ------------------------------------------------------------- */

static void pump(struct http_connection *connection);

static void on_sent(uv_write_t *request, int status)
{
	struct http_connection *connection =
		container_of(request, struct http_connection, write);

	connection->sending = false;
	tls_sent(connection->tls);
	if (status < 0) {
		/* only noted: the answer may be on its way, and tell more */
		connection->write_failure = status;
		connection->writing = false;
		return;
	}
	pump(connection);
}

static void send_output(struct http_connection *connection)
{
	struct slice output = tls_output(connection->tls);
	uv_buf_t buf = { .base = (char *)output.p, .len = output.n };
	int r;

	if (output.n == 0)
		return;
	r = uv_write(&connection->write, &connection->stream.uv.stream, &buf, 1,
	             on_sent);
	connection->sending = r == 0;
	if (r < 0) {
		tls_sent(connection->tls);
		connection->write_failure = r;
	}
}

/* What is left of head and body, as much as one record takes. */
static struct slice rest_of_request(const struct http_connection *connection)
{
	struct slice head = buf_slice(&connection->request);
	struct slice rest = connection->call->body;
	size_t n = connection->n_encrypted;

	if (n < head.n)
		rest = slice_skip(head, n);
	else
		rest = slice_skip(rest, n - head.n);
	rest.n = MIN(rest.n, (size_t)TLS_MAX_PLAIN);
	return rest;
}

static int encrypt(struct http_connection *connection, struct err *err)
{
	struct slice rest = rest_of_request(connection);
	size_t n;
	int r = 0;

	while (rest.n > 0 && r == 0) {
		r = tls_write(connection->tls, rest, &n, err);
		if (r == 0)
			connection->n_encrypted += n;
		rest = rest_of_request(connection);
	}
	return r;
}

/* As much as the output's ceiling lets through; the end of that goes on. */
static void pump(struct http_connection *connection)
{
	struct err err = { 0 };
	int r = 0;

	if (connection->state != HTTP_CONNECTION_SHAKING &&
	    connection->state != HTTP_CONNECTION_EXCHANGING)
		return;
	if (connection->state == HTTP_CONNECTION_EXCHANGING &&
	    connection->writing)
		r = encrypt(connection, &err);
	if (r < 0) {
		http_connection_fail(connection, r, "%s: %s",
		                     http_exchange_stage(connection),
		                     err.message);
		return;
	}
	if (!connection->sending)
		send_output(connection);
	if (connection->state == HTTP_CONNECTION_EXCHANGING)
		connection->writing = !connection->write_failure &&
		                      (connection->sending ||
		                       rest_of_request(connection).n > 0);
}

int http_tls_write(struct http_connection *connection)
{
	connection->n_encrypted = 0;
	pump(connection);
	return 0;
}

/* --- shaking hands ------------------------------------------------------- */

/* The network's failure: another address may do better. Nothing of the request
 * has left, so it need not be one that may be repeated. */
static void shaking_broke(struct http_connection *connection, int code,
                          const char *words)
{
	struct http_call *call = connection->call;

	if (call->err.code == 0)
		(void)err_set(&call->err, code, "%s: TLS handshake: %s",
		              connection->origin, words);
	if (connection->next < connection->list.n)
		http_connection_reopen(connection);
	else
		http_connection_close(connection);
}

void http_tls_timed_out(struct http_connection *connection)
{
	char words[64];
	char text[DURATION_TEXT_MAX];

	(void)snprintf(words, sizeof(words), "timed out after %s",
	               duration_format(HTTP_CLIENT_TLS_MS, text));
	shaking_broke(connection, UV_ETIMEDOUT, words);
}

static void shake(struct http_connection *connection)
{
	struct err err = { 0 };
	int r = tls_handshake(connection->tls, &err);

	if (r < 0)
		http_connection_fail(connection, r, "TLS handshake: %s",
		                     err.message);
	else if (r == 0)
		http_exchange_begin(connection);
	else
		pump(connection);
}

void http_tls_begin(struct http_connection *connection)
{
	struct err err = { 0 };
	int r = tls_new(&connection->tls, connection->tls_context,
	                connection->call->url.host, &err);

	if (r == 0) {
		r = http_exchange_listen(connection);
		if (r < 0)
			(void)err_set_code(&err, r, "read");
	}
	if (r < 0) {
		http_connection_fail(connection, r, "TLS handshake: %s",
		                     err.message);
		return;
	}
	connection->state = HTTP_CONNECTION_SHAKING;
	connection->write_failure = 0;
	http_connection_arm(connection, HTTP_CLIENT_TLS_MS);
	shake(connection);
}

/* --- receiving ----------------------------------------------------------- */

/* The end of one exchange may be the beginning of the next. */
static void decrypt(struct http_connection *connection)
{
	char plain[PLAIN_PIECE];
	struct err err = { 0 };
	size_t n;
	int r = 0;

	while (connection->state == HTTP_CONNECTION_EXCHANGING && r == 0) {
		r = tls_read(connection->tls, plain, sizeof(plain), &n, &err);
		if (r == 0)
			http_exchange_bytes(connection, slice_make(plain, n));
	}
	if (connection->state != HTTP_CONNECTION_EXCHANGING)
		return;
	if (r < 0)
		http_connection_fail(connection, r, "%s: %s",
		                     http_exchange_stage(connection),
		                     err.message);
	else if (r == TLS_END)
		http_exchange_end(connection, UV_EOF);
	else
		pump(connection);
}

void http_tls_received(struct http_connection *connection, struct slice bytes)
{
	tls_feed(connection->tls, bytes);
	if (connection->state == HTTP_CONNECTION_SHAKING)
		shake(connection);
	if (connection->state == HTTP_CONNECTION_EXCHANGING)
		decrypt(connection);
}

/* Somebody on the way can end a connection, but not TLS. */
void http_tls_ended(struct http_connection *connection, int code)
{
	char reason[128];

	if (connection->state == HTTP_CONNECTION_SHAKING)
		shaking_broke(connection, code,
		              code == UV_EOF ? "the peer closed"
		                             : uv_strerror_r(code, reason,
		                                             sizeof(reason)));
	else if (code == UV_EOF && connection->answered)
		http_connection_fail(connection, UV_ECONNABORTED,
		                     "%s: the peer closed without ending TLS: "
		                     "the answer may be cut short",
		                     http_exchange_stage(connection));
	else
		http_exchange_end(connection, code);
}

/* --- the end ------------------------------------------------------------- */

void http_tls_shut_down(struct http_connection *connection)
{
	struct slice output;
	uv_buf_t buf;

	if (!connection->tls || connection->sending)
		return;
	tls_shut_down(connection->tls);
	output = tls_output(connection->tls);
	buf = uv_buf_init((char *)output.p, (unsigned)output.n);
	if (output.n > 0)
		(void)uv_try_write(&connection->stream.uv.stream, &buf, 1);
}

void http_tls_free(struct http_connection *connection)
{
	tls_free(connection->tls);
	connection->tls = NULL;
}
