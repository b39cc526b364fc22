/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: the client's side of TLS 1.2 and later, by mbedTLS (2.28 or 3), as a
 * filter: what came from the network goes in, what is to be sent comes out,
 * and the plain text is read and written. It knows no socket and no loop.
 *
 *     tls_feed ──▶ tls_handshake, then tls_read ──▶ plain text
 *     tls_output ◀── tls_write ◀── plain text
 *
 * A peer's certificate is always verified: its chain up to an authority, its
 * dates, and that it was issued for the host that was asked for, which is a
 * name (sent as SNI) or an IP address (a subjectAltName of kind iPAddress,
 * RFC 5280 4.2.1.6; never the common name). There is no renegotiation, no
 * resumption, no revocation list.
 *
 * A session takes 35 to 45 KiB, most of it mbedTLS's two record buffers.
 * Built without mbedTLS, tls_context_new() says so with -ENOTSUP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define TLS_MAX_FILE   (4u << 20) /* bytes of authorities, or of a key */
#define TLS_MAX_OUTPUT 32768      /* bytes that wait to be sent */
#define TLS_MAX_PLAIN  16384      /* bytes of one record */

/* Positive results. */
#define TLS_MORE 1 /* feed it, or send its output, then ask again */
#define TLS_END  2 /* the peer has ended its side properly: close_notify */

/* Files in PEM; NULL each. */
struct tls_options {
	const char *ca;   /* authorities; NULL: $SSL_CERT_FILE, or the system's,
	                     found in the usual places */
	const char *cert; /* our certificate and what leads up to it */
	const char *key;  /* its key, without a passphrase; NULL: in @cert */
};

/* The files, read and taken apart; shared by the sessions. */
struct tls_context;
struct tls;

/*
 * tls_context_new() - read the files; blocks
 *
 * Returns 0, with a reference that is the caller's; -ENOMEM, -ENOTSUP, -EINVAL
 * or what opening a file gave, with words that name the file.
 */
int tls_context_new(struct tls_context **contextp,
                    const struct tls_options *options,
                    struct err *err) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* NULL is fine */

/* It was made of the same files, and they are as they were (one stat each):
 * a certificate that was renewed must not wait for a restart. */
bool tls_context_serves(const struct tls_context *context,
                        const struct tls_options *options);

/*
 * tls_new() - a session that has not begun
 * @host: a name, or an IP address without brackets; copied
 *
 * Takes a reference of @context. 0, -ENOMEM, or -EINVAL.
 */
int tls_new(struct tls **tlsp, struct tls_context *context, struct slice host,
            struct err *err) MUST_CHECK;
void tls_free(struct tls *tls); /* NULL is fine */

/* Bytes of the network, borrowed until one of the calls below has said
 * TLS_MORE or failed. */
void tls_feed(struct tls *tls, struct slice bytes);

/* 0: done; TLS_MORE; or negative, with words. */
int tls_handshake(struct tls *tls, struct err *err) MUST_CHECK;

/* After the handshake: 0 with 1 to @size bytes; TLS_MORE, TLS_END; or
 * negative, with words. */
int tls_read(struct tls *tls, char *plain, size_t size, size_t *np,
             struct err *err) MUST_CHECK;

/* Something that was fed is still unread, or not even decrypted. */
bool tls_is_pending(const struct tls *tls);

/* 0 with *np > 0 bytes taken; TLS_MORE: then the next call must offer the same
 * bytes, and as many; or negative, with words. */
int tls_write(struct tls *tls, struct slice plain, size_t *np,
              struct err *err) MUST_CHECK;

/* Says that no more will be written, if that makes sense still. */
void tls_shut_down(struct tls *tls);

/* What is to be sent: valid until tls_sent(), which must be called before
 * there is more. Empty if there is nothing or the last was not yet sent. */
struct slice tls_output(struct tls *tls);
void tls_sent(struct tls *tls);
