/* SPDX-License-Identifier: Apache-2.0 */
/* notice_kit: notices as they come, and as nobody would want them. */
#pragma once

#include "core/notice.h"

/* web-1 on box, restarted: attempt 2 of 5, next try in 30 s. */
extern const struct notice kit_bounced;

/* All text is bytes that are not UTF-8, quotes, braces, and line ends. */
extern const struct notice kit_hostile;
