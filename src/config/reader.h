/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader: one section's texts become values. Each function leaves the value
 * alone when the text is NULL (not given) or wrong (then it is reported), so
 * that the caller sets the default first; each returns whether it set it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "config/config.h"
#include "config/problems.h"

struct reader {
	struct problems *problems;
	const struct place *place; /* of the section */
	/* Of `global`, by index in schema_global: what replaced the text of
	 * the file, NULL where nothing did; NULL in other sections. */
	const struct config_override *const *replaced;
};

/* The place of a key, for a message. Here and below: without a key it is the
 * reader's own place, which then is no section but an item of a list. */
struct place reader_place(const struct reader *reader, const char *key);

void reader_problem(const struct reader *reader, const char *key,
                    const char *format, ...) PRINTF_LIKE(3, 4);
/* The message begins with the text in quotes. */
void reader_value(const struct reader *reader, const char *key,
                  const char *text, const char *format, ...) PRINTF_LIKE(4, 5);

/* The text itself; a missing one is a problem, unless the key is there and
 * was reported for another reason. */
bool read_required(const struct reader *reader, const char *key,
                   const char *text);

/* @min_ms: 0, or the shortest that makes sense. */
bool read_duration(const struct reader *reader, const char *key,
                   const char *text, uint64_t min_ms, uint64_t *msp);
bool read_number(const struct reader *reader, const char *key, const char *text,
                 uint32_t min, uint32_t max, uint32_t *valuep);
bool read_bool(const struct reader *reader, const char *key, const char *text,
               bool *valuep);
/* Bytes: 1048576, 64MiB, 512KiB, 1GiB. */
bool read_size(const struct reader *reader, const char *key, const char *text,
               uint64_t min, uint64_t max, uint64_t *bytesp);
/* A factor of at least 1, with decimals, as percent: 1.5 is 150. */
bool read_percent(const struct reader *reader, const char *key,
                  const char *text, uint32_t max, uint32_t *percentp);
/* One of the words; its index. */
bool read_word(const struct reader *reader, const char *key, const char *text,
               const char *const *words, size_t n_words, unsigned *indexp);

/* The checks below say whether the text is good, and set nothing. */

/* The scheme of an address that is good is one that this program has. */
bool read_tls(const struct reader *reader, const char *key, const char *text);
/* http://host:port of a Pushgateway, https://…, or CONFIG_BUILTIN. */
bool read_gateway(const struct reader *reader, const char *key,
                  const char *text);
/* http://host:port/prefix of a Prometheus server, https://…. */
bool read_server(const struct reader *reader, const char *key,
                 const char *text);
/* The whole URL of what an exporter serves, with its query. */
bool read_scrape(const struct reader *reader, const char *key,
                 const char *text);
/* 10.1.2.3, 10.0.0.0/8, ::1, fd00::/8. */
bool read_network(const struct reader *reader, const char *key,
                  const char *text);
/* A socket's path or unix://…; @tcp: or tcp://…, https://…. */
bool read_endpoint(const struct reader *reader, const char *key,
                   const char *text, bool tcp);
bool read_listen(const struct reader *reader, const char *key,
                 const char *text);
/* A name that goes into a path of an engine's interface. */
bool read_target(const struct reader *reader, const char *key,
                 const char *text);
bool read_signal(const struct reader *reader, const char *key,
                 const char *text);
/* [a-zA-Z_][a-zA-Z0-9_]*; @colon: ':' too, as in names of metrics. */
bool read_identifier(const struct reader *reader, const char *key,
                     const char *text, bool colon);
