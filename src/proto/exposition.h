/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition: finds samples in the two text formats of metrics, as they stream
 * in.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4)
 * https://github.com/prometheus/OpenMetrics (1.0), as Prometheus reads it
 *
 * Fed with pieces of any size, in constant memory. The caller names the
 * families that it wants; the lines of the others are skipped as fast as
 * their ends can be found. A line that is none of the format is counted and
 * skipped; a body that is not in this format at all (HTML, JSON, anything) is
 * told at the end.
 *
 * Of text 0.0.4 as tolerant as a scraper: blanks where they are harmless, CRLF,
 * unknown escapes, names in quotes, a last line without its end. Of OpenMetrics
 * as strict as one: single blanks, no empty lines, no comments but HELP, TYPE
 * and UNIT, and `# EOF` at the end, without which the body was cut off.
 *
 * The first line of a run of unwanted samples of one name is checked like any
 * other, those that follow are taken for granted. What is reported does not
 * depend on how the bytes were cut into pieces.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/label.h"

#define EXPOSITION_MAX_LINE   65536 /* bytes of a line, without its end */
#define EXPOSITION_MAX_LABELS 64    /* of a sample */
#define EXPOSITION_MAX_NAME   256   /* bytes of a name that is remembered */

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

/* Everything in it is borrowed for the call. */
struct exposition_sample {
	struct slice name;
	const struct label *labels; /* unescaped; no name comes twice */
	size_t n_labels;
	struct slice value;     /* as number_parse_double() reads it */
	struct slice timestamp; /* Unix time; empty if none: milliseconds, in
	                           OpenMetrics seconds, maybe with decimals */
	void *family;           /* what `wanted` returned */
};

struct exposition_callbacks {
	/* The caller's mark for a family whose samples it wants, or NULL. Asked
	 * once for each run of samples with the same name. */
	void *(*wanted)(void *context, struct slice name);
	void (*sample)(void *context, const struct exposition_sample *sample);
	/* A line was left out that is, or may be, of a wanted family: @family
	 * is its mark, NULL if the line does not say. May be NULL. */
	void (*left_out)(void *context, void *family);
};

/* What was seen; valid at any time, complete after exposition_finish(). */
struct exposition_counts {
	uint64_t n_samples;   /* lines of samples, wanted or not */
	uint64_t n_wanted;    /* those that were handed over */
	uint64_t n_comments;  /* HELP, TYPE, UNIT, EOF and others */
	uint64_t n_bad;       /* lines that are none of the format */
	uint64_t n_oversized; /* wanted, but beyond a limit above */
	bool unterminated;    /* the last line had no line feed */
};

struct exposition {
	struct exposition_counts counts;

	/* private below */
	const struct exposition_callbacks *callbacks;
	void *context;
	enum exposition_format format;
	bool at_eof;          /* `# EOF` was there */
	struct buf line;      /* the beginning of a line cut by a piece's end */
	struct buf unescaped; /* label values of the present line */
	bool skipping;        /* drop everything up to the next line feed */
	bool in_line;         /* a line has begun and not ended */
	char name[EXPOSITION_MAX_NAME]; /* of the last sample */
	size_t n_name; /* 0: none, or too long to be remembered */
	void *family;  /* its mark */
	struct label labels[EXPOSITION_MAX_LABELS];
};

/* Cannot fail and allocates nothing. @callbacks and @context are borrowed
 * until exposition_fini(). */
void exposition_init(struct exposition *scan,
                     const struct exposition_callbacks *callbacks,
                     void *context);
void exposition_fini(struct exposition *scan); /* harmless on a zeroed one */

/* Ready for another body, in text 0.0.4; keeps the memory. */
void exposition_reset(struct exposition *scan);

/* Before the first byte of a body. */
void exposition_set_format(struct exposition *scan,
                           enum exposition_format format);

/* By the Content-Type of an answer: OpenMetrics if it says so, else text. */
enum exposition_format exposition_format_of(struct slice content_type);

/* Scans @bytes; the callbacks run from inside. 0 or -ENOMEM; after a failure
 * only exposition_reset() and exposition_fini() make sense. */
int exposition_feed(struct exposition *scan, struct slice bytes) MUST_CHECK;

/* The body has ended. Returns 0, EXPOSITION_E_NOT_EXPOSITION if it was not in
 * this format (more bad lines than samples; an empty body is in it),
 * EXPOSITION_E_TRUNCATED if OpenMetrics did not end with `# EOF`, or
 * -ENOMEM. */
enum exposition_outcome {
	EXPOSITION_E_NOT_EXPOSITION = 1,
	EXPOSITION_E_TRUNCATED
};
int exposition_finish(struct exposition *scan) MUST_CHECK;
