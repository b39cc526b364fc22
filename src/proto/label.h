/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label: one name and value of a series or group, unescaped. Borrowed from
 * whoever read it, for as long as it says.
 */
#pragma once

#include "base/slice.h"

struct label {
	struct slice name;
	struct slice value;
};
