/* SPDX-License-Identifier: Apache-2.0 */
/* unix_group: the number of a group of the system; blocks. */
#pragma once

#include <stdint.h>
#include "base/macros.h"

/* By its name, or its number written out. 0, -ENOENT if there is none, or why
 * one cannot know. */
int unix_group_find(const char *name, uint32_t *gidp) MUST_CHECK;
