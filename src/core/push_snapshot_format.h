/* SPDX-License-Identifier: Apache-2.0 */
/* push_snapshot_format: what writer and reader of snapshots agree on. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/slice.h"

#define SNAPSHOT_HEAD   "# bouncer snapshot 1 "
#define SNAPSHOT_GROUP  "# group "
#define SNAPSHOT_FAMILY "# TYPE "
#define SNAPSHOT_HELP   "# HELP "
#define SNAPSHOT_OF     "# of "
#define SNAPSHOT_END    "# end "

/* FNV-1a: tells what was cut or changed by accident, not by intent. */
#define SNAPSHOT_SUM_START 0xcbf29ce484222325u
static inline uint64_t snapshot_sum(uint64_t sum, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		sum = (sum ^ (unsigned char)text.p[i]) * 0x100000001b3u;
	return sum;
}
