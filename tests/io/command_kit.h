/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_kit: runs a command in this process, against a server in another
 * that gives the answers it was told, in order. Commands block, so the server
 * cannot be on a loop of ours; it has no loop, and no memory that a fault
 * could hit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "command/command.h"

#define KIT_MAX_WORDS   16
#define KIT_MAX_REQUEST 65536

struct spoken {
	char *out;
	char *err;
	size_t n_out;
	size_t n_err;
	int code;
};

/* @words, @envp: NULL-terminated; @envp may be NULL. */
void speak(struct spoken *spoken, const char *const *words,
           const char *const *envp);
void spoken_fini(struct spoken *spoken);

enum answer_kind {
	ANSWER_JSON,  /* with a length; the connection is kept */
	ANSWER_RAW,   /* the body is all that is sent; then it is closed */
	ANSWER_CLOSE, /* no answer: it is closed */
	ANSWER_HANG,  /* no answer */
};

struct answer {
	unsigned status;
	const char *body;
	enum answer_kind kind;
};

struct server {
	char path[108]; /* of its socket; "" for TCP */
	char url[64];   /* for TCP */
	pid_t pid;
	struct {
		size_t n_requests;
		size_t n_bytes;
		char text[KIT_MAX_REQUEST]; /* all that was received */
	} * seen;                           /* shared with the server */
};

/* @directory: for a socket there; NULL: a port of 127.0.0.1. After the last
 * answer every connection is closed unanswered. */
void server_start(struct server *server, const char *directory,
                  const struct answer *answers, size_t n_answers);
void server_stop(struct server *server);
