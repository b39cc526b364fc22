/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_source: what is to be imported, from a file, or read from a Promgen
 * or prommgr that runs: all pages of all lists, in one document as
 * registry/model/import_promgen.h has it.
 */
#pragma once

#include "command/registry_plan.h"

struct source_options {
	const char *from;       /* "promgen", "prommgr" */
	const char *token_file; /* of there; NULL */
	const char *user_file;
	uint64_t timeout_ms;
};

/* Is it an address, and not a file? */
bool source_is_url(const char *place);
/* For messages: a password may be in an address. */
const char *source_name(const char *place);
/* The document of a URL is read as it is, of the address of a server its API.
 * Appends to @out; what to exit with. */
int source_read(const struct command_io *io,
                const struct source_options *options, const char *place,
                bool whole, struct buf *out);
