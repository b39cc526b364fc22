/* SPDX-License-Identifier: Apache-2.0 */
#include "notice_kit.h"

#define HOSTILE "a\"\\\xff\xc3{{ host }}\r\n\x1b[31m<!channel>&```@all"

const struct notice kit_bounced = {
	.event = NOTICE_BOUNCED,
	.monitor = "health/shop/web/1",
	.rule = "health",
	.container = "web-1",
	.image = "nginx:1.25",
	.runtime = "docker",
	.host = "box",
	.reason = "container is unhealthy",
	.step = "restart",
	.result = "ok",
	.detail = "",
	.output = "curl: (7) refused\n",
	.exit_code = 7,
	.age_ms = 65000,
	.attempt = 2,
	.max_attempts = 5,
	.next_ms = 30000,
	.wall_ms = 1767323045123, /* 2026-01-02T03:04:05.123Z */
};

static const struct label hostile[] = {
	{ { HOSTILE, sizeof(HOSTILE) - 1 }, { HOSTILE, sizeof(HOSTILE) - 1 } },
	{ { "a", 1 }, { HOSTILE, sizeof(HOSTILE) - 1 } },
	{ { "severity", 8 }, { "theirs", 6 } },
};

const struct notice kit_hostile = {
	.labels = hostile,
	.n_labels = 3,
	.annotations = hostile,
	.n_annotations = 3,
	.value = HOSTILE,
	.threshold = HOSTILE,
	.level = HOSTILE,
	.status = HOSTILE,
	.event = NOTICE_BOUNCED,
	.monitor = HOSTILE,
	.rule = HOSTILE,
	.container = HOSTILE,
	.image = HOSTILE,
	.runtime = HOSTILE,
	.host = HOSTILE,
	.reason = HOSTILE,
	.step = HOSTILE,
	.result = HOSTILE,
	.detail = HOSTILE,
	.output = HOSTILE,
	.exit_code = -1,
	.age_ms = UINT64_MAX,
	.next_ms = UINT64_MAX - 999,
	.wall_ms = -1,
};
