/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: one of the two that a worker speaks with, the registry or its
 * Prometheus, and an exchange with it.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "io/http_client.h"
#include "registry/worker/life.h"

#define LINK_TIMEOUT_MS  30000
#define LINK_ETAG_MAX    128 /* bytes, with its quotes and NUL */
#define LINK_MAX_HEADERS 6
#define LINK_MAX_REFUSAL 4096 /* bytes of an answer that is no success */

struct link {
	struct http_client *client;
	struct life *life;
	const char *name; /* "registry", for messages */
	struct url url;
	const char *token_file; /* NULL: none; read for each exchange */
};

struct link_call {
	/* set by the caller; zero the rest */
	const char *method;       /* NULL: GET */
	struct slice target;      /* borrowed until it is done */
	struct slice body;        /* JSON; borrowed until it is done */
	const char *accept;       /* NULL: none */
	const char *etag;         /* If-None-Match; NULL, "": none */
	const char *last_id;      /* Last-Event-ID; NULL, "": none */
	uint64_t timeout_ms;      /* 0: LINK_TIMEOUT_MS */
	uint64_t idle_timeout_ms; /* 0: none of its own */
	uint64_t max_body;        /* of a success */
	/* The body does not tell where it ends: a 200 that ends with its
	 * connection may be cut, and is refused. */
	bool needs_end;
	/* A piece of a 200's body; NULL: all is kept in `answer`. */
	int (*on_body)(struct link_call *call, struct slice bytes);

	/* valid in the completion */
	struct err err;    /* why there is no answer; names the peer */
	uint16_t status;   /* 0: there is none */
	struct buf answer; /* the caller's, once it was started */
	char type[64];     /* Content-Type */
	char new_etag[LINK_ETAG_MAX]; /* "" if none, or too long */

	/* private below */
	struct link *link;
	struct http_call http;
	struct http_header headers[LINK_MAX_HEADERS];
	struct buf token;
	void (*done)(struct link_call *call);
	bool running;
};

/* As http_client_call(), and what could not be started completes all the same:
 * @done comes exactly once, from the loop, unless it returns negative, with
 * call->err; its code is -ENOKEY if the file of the token cannot be read. */
int link_start(struct link *link, struct link_call *call,
               void (*done)(struct link_call *call)) MUST_CHECK;
void link_cancel(struct link_call *call); /* harmless if it does not run */

/* The words of a call that brought no success; @err gets a negative code:
 * what the peer said, or why it could not be asked. */
void link_explain(const struct link_call *call, struct err *err);
