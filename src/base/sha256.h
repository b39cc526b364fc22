/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256: the digest of FIPS 180-4, section 6.2, and the code of a message
 * with a key, HMAC (RFC 2104), made with it; of bytes that lie in one piece.
 */
#pragma once

#include <stdint.h>
#include "base/slice.h"

#define SHA256_SIZE 32 /* bytes */

void sha256(struct slice bytes, uint8_t digest[SHA256_SIZE]);

/* @key may be of any length. */
void hmac_sha256(struct slice key, struct slice bytes,
                 uint8_t code[SHA256_SIZE]);
