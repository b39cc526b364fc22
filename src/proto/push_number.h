/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_number: what a number in a pushed body may look like; nothing is
 * converted, as what is pushed is kept as text.
 */
#pragma once

#include <stdbool.h>
#include "base/slice.h"

/* What Go's strconv.ParseFloat accepts, of any length, but no hexadecimal
 * numbers and no underscores. Beyond the range of a double (1e999) it is
 * none. */
bool push_number_is_float(struct slice text);

/* The following two are for what is a float. */
bool push_number_is_nan(struct slice text);
bool push_number_is_negative(struct slice text); /* less than zero */

/* An integer of 64 bits with an optional sign. */
bool push_number_is_timestamp(struct slice text);
