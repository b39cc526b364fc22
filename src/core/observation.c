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

const char *reading_result_name(enum reading_result result)
{
	return names[result];
}
