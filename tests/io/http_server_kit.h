/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server_kit: for the tests of the server: one that answers a few paths,
 * and raw clients, which are plain sockets and may behave as badly as they
 * like. Everything runs on one loop; every wait is bounded.
 */
#pragma once

#include "base/buf.h"
#include "io/http_server.h"
#include "support/loop.h"

#define KIT_MAX_BODY 100000
#define KIT_MAX_HELD 64

/* --- the service ----------------------------------------------------------- */

/*
 * /hello   "hello"             /echo    the body of the request
 * /show    method, path, query /hold    answered by kit_release()
 * /stream  pieces "0\n" … "9\n" /big    streams `big` bytes
 * /whole   `big` bytes at once /empty   204
 * /same    304                 /broken  a body that failed
 * /cut     a stream that fails /close   closes the server, then answers
 * /end     a stream whose producer closes the server
 * /shared  `big` bytes of `shared`, which are lent
 */
struct kit {
	struct test_loop loop;
	struct http_server *server;
	struct http_server_options options; /* set before kit_start() */
	struct log log;
	struct buf log_text;
	bool closed;

	size_t n_handled;
	struct http_exchange *held[KIT_MAX_HELD]; /* oldest first */
	size_t n_held;

	uint64_t big;        /* bytes of /big and /whole */
	uint64_t n_produced; /* by /big, in all */
	int n_producing;     /* streams whose state was not released */
	char *shared;
	int n_lent; /* and not given back */
};

void kit_init(struct kit *kit);
/* Without a listener; NULL if out of memory. */
struct http_server *kit_new_server(struct kit *kit);
/* Listens on a port of 127.0.0.1. */
void kit_start(struct kit *kit);
void kit_begin_close(struct kit *kit, uint64_t linger_ms);
void kit_await_closed(struct kit *kit);
void kit_close(struct kit *kit, uint64_t linger_ms); /* both */
void kit_fini(struct kit *kit); /* closes if that was not done */

/* Runs until *@n is @wanted. */
void kit_await_count(struct kit *kit, const size_t *n, size_t wanted);
void kit_await_connections(struct kit *kit, size_t wanted);
/* As /shared is answered. */
void kit_respond_shared(struct kit *kit, struct http_exchange *exchange);
/* Answers the oldest held exchange with its number. */
void kit_release(struct kit *kit);

/* --- a client -------------------------------------------------------------- */

struct client {
	struct kit *kit;
	int fd;
	struct buf in; /* received, not looked at yet */
	bool ended;    /* the server has closed */
	int error;     /* or the connection broke */
};

struct response {
	uint16_t status;
	bool keep_alive;
	bool has_length;
	uint64_t content_length;
	char content_type[64];
	char date[64];
	char extra[64]; /* X-Extra */
	struct buf body;
	bool whole;
};

void client_connect(struct client *client, struct kit *kit);
/* Any address; -1 and errno if it failed. */
int client_connect_to(struct client *client, struct kit *kit,
                      const struct sockaddr *address, size_t size);
void client_close(struct client *client);
void client_abort(struct client *client); /* resets the connection */

/* All of it, while the loop runs. False if the server closed before. */
bool client_send_bytes(struct client *client, const char *bytes, size_t n);
void client_send(struct client *client, const char *text);
void client_end(struct client *client); /* closes our half */

/* Runs the loop a little and receives what has come, at most @max bytes. */
void client_pump(struct client *client, size_t max);
void client_await(struct client *client, size_t n_bytes);
void client_await_end(struct client *client);
/* The next response; its body is freed by response_fini(). */
void client_response(struct client *client, struct response *response,
                     bool to_head);
void response_fini(struct response *response);

/* Sends @request and checks the answer; the body too, if it is not NULL. */
void client_ask(struct client *client, const char *request, uint16_t status,
                const char *body);
