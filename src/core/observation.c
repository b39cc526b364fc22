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
	[READING_ERROR] = "error",
};

static const char *const kind_names[N_OBSERVATION_KINDS] = {
	[OBSERVATION_UNKNOWN] = "unknown", [OBSERVATION_MISSING] = "missing",
	[OBSERVATION_AGE] = "age",         [OBSERVATION_FAILED] = "failed",
	[OBSERVATION_HEALTH] = "health",   [OBSERVATION_EXITED] = "exited",
};

const char *observation_kind_name(enum observation_kind kind)
{
	return kind_names[kind];
}

const char *reading_result_name(enum reading_result result)
{
	return names[result];
}
