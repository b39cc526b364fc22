/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pause.h"

#include <string.h>
#include "base/mem.h"

/* A character that is cut in the middle is left out. */
static size_t kept(const char *reason)
{
	size_t n = strnlen(reason, PAUSE_REASON_MAX + 1);

	if (n <= PAUSE_REASON_MAX)
		return n;
	n = PAUSE_REASON_MAX;
	while (n > 0 && ((unsigned char)reason[n] & 0xc0) == 0x80)
		n--;
	return n;
}

struct pause *pause_new(int64_t since_wall_ms, uint64_t until_ms,
                        const char *reason)
{
	size_t n = kept(reason);
	struct pause *pause = mem_alloc(sizeof(*pause) + n + 1);

	if (!pause)
		return NULL;
	pause->since_wall_ms = since_wall_ms;
	pause->until_ms = until_ms;
	memcpy(pause->reason, reason, n);
	pause->reason[n] = '\0';
	return pause;
}
