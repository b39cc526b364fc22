/* SPDX-License-Identifier: Apache-2.0 */
/* journal: what the files of `bouncer journal` share. */
#pragma once

#include "command/client.h"

struct journal_options {
	struct client_options client;
	const char *monitor; /* NULL: all */
	uint64_t n_entries;  /* at most; UINT64_MAX: not given */
	const char *since;   /* NULL: not given */
	bool follow;

	int64_t since_ms; /* what `since` means */
};

/* Prints an entry on a line, unless it is older than was asked for. */
void journal_print(const struct journal_options *options, FILE *out,
                   const struct json_t *entry);

/* Asks for the newest entries; @limit: how many at most. */
int journal_ask(struct client *client, struct client_call *call,
                const struct journal_options *options, uint64_t limit);

/* Prints the newest entries and then each as it comes, until a signal; what
 * to exit with. */
int journal_follow(struct client *client, const struct journal_options *options,
                   uint64_t limit);
