/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: the sub-commands' line to a daemon or a gateway, one exchange at a
 * time on a loop of its own. Over the control socket, or a URL with a token.
 *
 * client_open() says itself what is wrong; client_exchange() says nothing,
 * client_complain() what came of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "command/command.h"
#include "command/options.h"
#include "io/http_client.h"
#include "proto/json.h"

#define CLIENT_TIMEOUT_MS 10000     /* an exchange, unless set */
#define CLIENT_MAX_BODY   268435456 /* bytes of an answer; 100,000 monitors */
#define CLIENT_MAX_SECRET 4096      /* bytes of a token, or user:password */
#define CLIENT_SOCKET     "/run/bouncer/control.sock"
#define CLIENT_GATEWAY    "http://localhost:9090"

enum client_kind {
	CLIENT_CONTROL, /* the control socket, unless a URL is named */
	CLIENT_GATE,    /* where jobs push and ping: always a URL */
};

/* What is common to the commands; what is not given is zero. */
struct client_options {
	const char *socket;
	const char *url;
	const char *token_file;
	const char *user_file;
	const char *ca_file; /* of https, in place of the system's */
	uint64_t timeout_ms;
	bool json;
	/* Another's server, that only the options name: nothing of the
	 * environment is for it. */
	bool foreign;
	const char *scheme;       /* of the token; NULL: "Bearer" */
	const char *token_option; /* that gave token_file, for words; NULL:
	                             "--token-file" */
};

#define CLIENT_CONTROL_ROWS(options)                                      \
	{ "socket", 0, OPTION_TEXT, &(options)->socket },                 \
		{ "url", 0, OPTION_TEXT, &(options)->url },               \
		{ "token-file", 0, OPTION_TEXT, &(options)->token_file }, \
	{                                                                 \
		"timeout", 0, OPTION_TIME, &(options)->timeout_ms         \
	}

#define CLIENT_GATE_ROWS(options)                                         \
	{ "url", 0, OPTION_TEXT, &(options)->url },                       \
		{ "token-file", 0, OPTION_TEXT, &(options)->token_file }, \
		{ "user-file", 0, OPTION_TEXT, &(options)->user_file },   \
	{                                                                 \
		"timeout", 0, OPTION_TIME, &(options)->timeout_ms         \
	}

/* What help says of them. */
extern const char client_control_help[];
extern const char client_gate_help[];

struct client {
	const struct command_io *io;
	uv_loop_t loop;
	uint64_t timeout_ms;

	/* private below */
	struct url url;
	struct http_client *http;
	struct http_call *running; /* NULL: none */
	struct buf address;        /* a path that was put together */
	struct buf authorization;  /* the header's value; empty: none */
	const char *token_option;
	bool closed;
};

struct client_call {
	/* set by the caller; zero the rest */
	const char *method;       /* NULL: GET */
	struct slice target;      /* borrowed */
	struct slice body;        /* borrowed */
	const char *content_type; /* of that; NULL: application/json */
	uint64_t timeout_ms;      /* 0: the client's */
	uint64_t idle_timeout_ms; /* 0: none of its own */
	/* A piece of the body of a 200; NULL: it is kept in `reply`. Non-zero
	 * ends the call. */
	int (*on_body)(struct client_call *call, struct slice bytes);

	/* results; client_call_fini() */
	uint16_t status;     /* 0: there was no answer */
	struct err err;      /* code 0: a whole answer came */
	struct buf reply;    /* the body */
	struct json_t *root; /* by client_ask() */

	/* private below */
	struct http_call http;
	bool done;
};

/*
 * client_open() - get ready; nothing is connected yet
 *
 * 0 with *clientp set; else what to exit with: something was said.
 */
int client_open(struct client **clientp, const struct command_io *io,
                const struct client_options *options,
                enum client_kind kind) MUST_CHECK;

/* Returns @code. If a lookup of a name hangs the program ends here, with
 * @code: the system's resolver cannot be interrupted. NULL is fine. */
int client_close(struct client *client, int code);

/* One exchange; runs the loop until it has ended. Never fails but through
 * call->err. May be used again after client_call_fini(). */
void client_exchange(struct client *client, struct client_call *call);
void client_call_fini(struct client_call *call); /* harmless on a zeroed one */

/* Lets @ms pass. */
void client_wait(struct client *client, uint64_t ms);

/* Ends the running exchange, if there is one, from a callback on the loop. */
void client_cancel(struct client *client);

/* What the call means for the program's exit: EXIT_OK for 2xx, else something
 * was said. @monitor: the name that was asked for; an unknown one is answered
 * with the nearest; may be NULL. */
int client_complain(struct client *client, struct client_call *call,
                    const char *monitor);

/* An exchange whose answer is a JSON object, in call->root; as above. */
int client_ask(struct client *client, struct client_call *call,
               const char *monitor);

/* Appends /api/v1/monitors/NAME and @rest. */
void client_monitor_path(struct buf *path, const char *monitor,
                         const char *rest);

/* Prints each text of an array on a line. */
void client_print_lines(FILE *out, const struct json_t *lines);

/* Text from outside, safe for a terminal. */
void client_print(FILE *out, struct slice text);

/* How many a rule covers, and what: a word of many, and one of one. */
struct client_covered {
	const char *noun;
	const char *one;
	int64_t n;
};

/* As an answer about the rule says it. */
struct client_covered client_covered(const struct json_t *answer);
