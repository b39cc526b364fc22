/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observation: one fact from a source about one monitor; reading: one attempt
 * of a source to learn such facts.
 *
 * A source says what it saw, never whether that is bad: limits are the
 * monitor's. *Missing* (the source answered and the thing is not in it) and
 * *unknown* (the source could not be read) are different facts.
 */
#pragma once

#include <stdint.h>

enum observation_kind {
	OBSERVATION_UNKNOWN, /* the source could not be read */
	OBSERVATION_MISSING, /* it was read, and the thing is not in it */
	OBSERVATION_AGE,     /* time since the last sign of life */
	OBSERVATION_FAILED,  /* the job itself says that it failed */
};

#define OBSERVATION_NEVER UINT64_MAX

/* Times end at the observation and go by the source's own clock. */
struct observation {
	enum observation_kind kind;
	uint64_t age_ms;  /* AGE: since the last sign of life; FAILED: since
	                        it said so; MISSING: since it was last listed,
	                        OBSERVATION_NEVER if the source does not know */
	uint64_t away_ms; /* of that, time in which the source was not there
	                        to hear; 0 if it always was */
	uint64_t
		running_ms; /* since a start without an end, at least 1; 0: none
	                        runs */
	int16_t exit_code;  /* FAILED: what it ended with; -1: not said */
};

/* How a reading went. */
enum reading_result {
	READING_OK,
	READING_DNS,     /* the name does not resolve */
	READING_REFUSED, /* nobody listens, or no way there */
	READING_TIMEOUT,
	READING_STATUS,         /* HTTP, but not 200 */
	READING_NOT_EXPOSITION, /* 200, and something else in it */
	READING_TRUNCATED,      /* it ended in the middle */
	READING_TOO_LARGE,
	READING_ERROR, /* anything else */
	N_READING_RESULTS,
};

struct reading {
	enum reading_result result;
	const char *detail; /* in words, "" when READING_OK */
	uint64_t n_bytes;   /* of bodies */
	uint64_t duration_ms;
};

/* The name used in log, journal, metrics and API. */
const char *reading_result_name(enum reading_result result);
