/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observation: one fact from a source about one monitor; reading: one attempt
 * of a source to learn such facts.
 *
 * A source says what it saw, never whether that is bad: limits are the
 * monitor's. *Missing* (the source answered and the thing is not in it) and
 * *unknown* (the source could not be read) are different facts.
 *
 * Of a metric it says the *value*, of an alert whether it fires. Of a container
 * it says one of two things: its *health* (what its own check,
 * or a probe, found), or that it *exited* and when. A container about which
 * there is nothing to judge (it is paused, is being stopped, was stopped by a
 * person, or is gone) is idle: neither good nor bad.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum observation_kind {
	OBSERVATION_UNKNOWN, /* the source could not be read */
	OBSERVATION_MISSING, /* it was read, and the thing is not in it */
	OBSERVATION_AGE,     /* time since the last sign of life */
	OBSERVATION_FAILED,  /* the job itself says that it failed */
	OBSERVATION_HEALTH,  /* a container runs, or is idle: see `health` */
	OBSERVATION_EXITED,  /* it ended, and is there to be seen */
	OBSERVATION_VALUE,   /* a number: see `value` */
	OBSERVATION_ALERT,   /* an alert of others: see `firing` */
	N_OBSERVATION_KINDS,
};

/* What is known of the health of a container. */
enum health {
	HEALTH_GOOD,
	HEALTH_STARTING, /* it runs, and its check has not decided yet */
	HEALTH_BAD,
	HEALTH_IDLE, /* there is nothing to judge */
};

/* Why there is nothing to judge; only for people to read. */
enum idle_reason {
	IDLE_UNSAID,
	IDLE_GONE,
	IDLE_NO_CHECK, /* it runs, and has none */
	IDLE_NOT_RUNNING,
	IDLE_PAUSED,
	IDLE_RESTARTING, /* by its engine */
	IDLE_STOPPING,
	IDLE_STOPPED,   /* somebody asked for it */
	IDLE_EXIT_CODE, /* it ended with one that is not meant */
	IDLE_UNSEEN,    /* nobody knows how it ended */
	IDLE_KEPT,      /* one of the youngest, that stay */
	N_IDLE_REASONS,
};

#define OBSERVATION_NEVER UINT64_MAX

/* Times end at the observation and go by the source's own clock. */
struct observation {
	enum observation_kind kind;
	int16_t exit_code; /* FAILED, EXITED: what it ended with; HEALTH: of
	                        the check that failed; -1: not said */
	bool unchecked;   /* HEALTH: only that it runs, whatever a check says */
	bool firing;      /* ALERT; else it is resolved */
	uint64_t age_ms;  /* AGE: since the last sign of life; FAILED: since
	                        it said so; EXITED: since it ended; HEALTH:
	                        since it became so, as far as is known;
	                        MISSING: since it was last listed,
	                        OBSERVATION_NEVER if the source does not know */
	uint64_t away_ms; /* of that, time in which the source was not there
	                        to hear; 0 if it always was */
	uint64_t
		running_ms; /* since a start without an end, at least 1; 0: none
	                        runs; HEALTH: since the container started */
	enum health health; /* HEALTH */
	enum idle_reason idle; /* HEALTH, idle: why */
	uint32_t n_streak;     /* HEALTH: checks in a row that failed */
	double value;          /* VALUE; may be NaN or infinite */
};

/* "age", "missing", …: the names used in API and state. */
const char *observation_kind_name(enum observation_kind kind);

/* "no check", "paused", …: a word or two of why it is idle. */
const char *observation_idle_word(enum idle_reason reason);
/* The same as the end of a sentence that begins with the container. */
const char *observation_idle_words(enum idle_reason reason);

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
	READING_BAD_QUERY,  /* the server understands, and refuses, the query */
	READING_WRONG_TYPE, /* a result that is no vector and no scalar, or has
	                       native histograms */
	READING_ERROR,      /* anything else */
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
