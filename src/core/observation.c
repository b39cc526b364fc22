/* SPDX-License-Identifier: Apache-2.0 */
#include "core/observation.h"

static const char *const names[N_READING_RESULTS] = {
	[READING_OK] = "ok",
	[READING_DNS] = "dns",
	[READING_REFUSED] = "refused",
	[READING_TIMEOUT] = "timeout",
	[READING_STATUS] = "status",
	[READING_NOT_EXPOSITION] = "not_exposition",
	[READING_TRUNCATED] = "truncated",
	[READING_TOO_LARGE] = "too_large",
	[READING_BAD_QUERY] = "bad_query",
	[READING_WRONG_TYPE] = "wrong_type",
	[READING_ERROR] = "error",
};

static const char *const kind_names[N_OBSERVATION_KINDS] = {
	[OBSERVATION_UNKNOWN] = "unknown", [OBSERVATION_MISSING] = "missing",
	[OBSERVATION_AGE] = "age",         [OBSERVATION_FAILED] = "failed",
	[OBSERVATION_HEALTH] = "health",   [OBSERVATION_EXITED] = "exited",
	[OBSERVATION_VALUE] = "value",     [OBSERVATION_ALERT] = "alert",
};

static const struct {
	const char *word;
	const char *words;
} idle[N_IDLE_REASONS] = {
	[IDLE_UNSAID] = { "idle", "is idle: there is nothing to judge" },
	[IDLE_GONE] = { "gone", "is gone" },
	[IDLE_NO_CHECK] = { "no check",
	                    "runs and has no health check: give it a "
	                    "HEALTHCHECK, or the rule a probe" },
	[IDLE_NOT_RUNNING] = { "not running", "does not run" },
	[IDLE_PAUSED] = { "paused", "is paused by a person: left alone" },
	[IDLE_RESTARTING] = { "restarting", "is restarted by its engine" },
	[IDLE_STOPPING] = { "stopping", "is being stopped" },
	[IDLE_STOPPED] = { "stopped", "was stopped by a person: left alone" },
	[IDLE_EXIT_CODE] = { "other code",
	                     "has ended with a code that is not in "
	                     "exit_codes: left alone" },
	[IDLE_UNSEEN] = { "ended",
	                  "has ended, and nobody saw how: left alone" },
	[IDLE_KEPT] = { "kept", "has ended and is one of the youngest, which "
	                        "keep_last leaves" },
};

const char *observation_idle_word(enum idle_reason reason)
{
	return idle[reason].word;
}

const char *observation_idle_words(enum idle_reason reason)
{
	return idle[reason].words;
}

const char *observation_kind_name(enum observation_kind kind)
{
	return kind_names[kind];
}

const char *reading_result_name(enum reading_result result)
{
	return names[result];
}
