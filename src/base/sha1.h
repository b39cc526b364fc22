/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha1: the digest of FIPS 180-4, section 6.1, of bytes that lie in one
 * piece. Good for what a protocol still asks for it (RFC 6455), not for
 * security.
 */
#pragma once

#include <stdint.h>
#include "base/slice.h"

#define SHA1_SIZE 20 /* bytes */

void sha1(struct slice bytes, uint8_t digest[SHA1_SIZE]);
