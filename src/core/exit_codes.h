/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit_codes: a set of the codes with which a container may end, 0 to 255.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define EXIT_CODE_UNKNOWN (-1)

struct exit_codes {
	uint32_t bits[8];
};

/*
 * exit_codes_parse() - "0", "0,143", "1-125", "any", "nonzero"
 *
 * Codes, ranges and words, separated by commas and white space. 0, or -EINVAL
 * with words.
 */
int exit_codes_parse(struct slice text, struct exit_codes *codes,
                     struct err *err) MUST_CHECK;

/* A code that is not known is in the set of all, one that is out of range in
 * none. */
bool exit_codes_has(const struct exit_codes *codes, int64_t code);
