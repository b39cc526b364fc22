/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include "base/mem.h"

#define SAN_KIND       0x1f /* of a GeneralName's tag, RFC 5280, 4.2.1.6 */
#define SAN_IP_ADDRESS 7

/* --- the peer's name ----------------------------------------------------- */

/* mbedTLS before 3.5 does not look at addresses. */
static bool is_issued_for_address(const struct tls *tls,
                                  const mbedtls_x509_crt *certificate)
{
	const mbedtls_x509_sequence *name = &certificate->subject_alt_names;

	for (; name; name = name->next)
		if ((name->buf.tag & SAN_KIND) == SAN_IP_ADDRESS &&
		    name->buf.len == tls->address_size &&
		    memcmp(name->buf.p, tls->address, tls->address_size) == 0)
			return true;
	return false;
}

/* For each certificate of the chain; 0 is the peer's own. */
static int on_verify(void *context, mbedtls_x509_crt *certificate, int depth,
                     uint32_t *flags)
{
	const struct tls *tls = context;

	if (depth == 0 && tls->address_size &&
	    !is_issued_for_address(tls, certificate))
		*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	return 0;
}

static int set_host(struct tls *tls, struct slice host, struct err *err)
{
	const char *zone = memchr(host.p, '%', host.n);

	if (zone)
		host.n = (size_t)(zone - host.p);
	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n >= sizeof(tls->host))
		return err_set(err, -EINVAL, "TLS needs the peer's name");
	memcpy(tls->host, host.p, host.n);
	tls->host[host.n] = '\0';
	if (inet_pton(AF_INET, tls->host, tls->address) == 1)
		tls->address_size = 4;
	else if (inet_pton(AF_INET6, tls->host, tls->address) == 1)
		tls->address_size = 16;
	return 0;
}

/* --- what mbedTLS calls -------------------------------------------------- */

static int on_receive(void *context, unsigned char *bytes, size_t n)
{
	struct tls *tls = context;

	n = MIN(n, tls->input.n);
	if (n == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(bytes, tls->input.p, n);
	tls->input = slice_skip(tls->input, n);
	return (int)n;
}

static int on_send(void *context, const unsigned char *bytes, size_t n)
{
	struct tls *tls = context;

	n = MIN(n, tls->output.max - tls->output.n);
	if (n == 0)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	if (buf_append(&tls->output, bytes, n) < 0)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	return (int)n;
}

/* --- a session ----------------------------------------------------------- */

static int set_up(struct tls *tls, struct slice host, struct err *err)
{
	int r = set_host(tls, host, err);

	if (r < 0)
		return r;
	r = mbedtls_ssl_setup(&tls->ssl, &tls->context->config);
	/* to verify an address is our own business, and it is no SNI */
	if (r == 0)
		r = mbedtls_ssl_set_hostname(
			&tls->ssl, tls->address_size ? NULL : tls->host);
	if (r)
		return tls_words(err, -EPROTO, "TLS", r);
	mbedtls_ssl_set_verify(&tls->ssl, on_verify, tls);
	mbedtls_ssl_set_bio(&tls->ssl, tls, on_send, on_receive, NULL);
	return 0;
}

int tls_new(struct tls **tlsp, struct tls_context *context, struct slice host,
            struct err *err)
{
	struct tls *tls = mem_calloc(1, sizeof(*tls));
	int r;

	if (!tls)
		return err_set_code(err, -ENOMEM, "TLS");
	tls->context = tls_context_ref(context);
	buf_init(&tls->output, TLS_MAX_OUTPUT);
	buf_init(&tls->sending, TLS_MAX_OUTPUT);
	mbedtls_ssl_init(&tls->ssl);
	r = set_up(tls, host, err);
	if (r < 0)
		tls_free(tls);
	else
		*tlsp = tls;
	return r;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	mbedtls_ssl_free(&tls->ssl);
	buf_fini(&tls->output);
	buf_fini(&tls->sending);
	tls_context_unref(tls->context);
	mem_free(tls);
}

void tls_feed(struct tls *tls, struct slice bytes)
{
	tls->input = bytes;
}

static bool wants_more(int code)
{
	return code == MBEDTLS_ERR_SSL_WANT_READ ||
	       code == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int is_over(struct err *err)
{
	return err_set(err, -EPROTO, "TLS has failed before");
}

int tls_handshake(struct tls *tls, struct err *err)
{
	int r;

	if (tls->failed)
		return is_over(err);
	r = mbedtls_ssl_handshake(&tls->ssl);
	if (wants_more(r))
		return TLS_MORE;
	if (r)
		return tls_fail(tls, r, err);
	tls->established = true;
	return 0;
}

/* Of TLS 1.3: a ticket to resume with, which we do not. */
static bool is_ticket(int code)
{
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
	return code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
#else
	return false;
#endif
}

int tls_read(struct tls *tls, char *plain, size_t size, size_t *np,
             struct err *err)
{
	int r;

	if (tls->failed)
		return is_over(err);
	do {
		r = mbedtls_ssl_read(&tls->ssl, (unsigned char *)plain, size);
	} while (is_ticket(r));
	if (r > 0) {
		*np = (size_t)r;
		return 0;
	}
	if (r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return TLS_END;
	/* a record without anything in it is no end */
	if (r == 0 || wants_more(r))
		return TLS_MORE;
	return tls_fail(tls, r, err);
}

bool tls_is_pending(const struct tls *tls)
{
	return tls->input.n > 0 || mbedtls_ssl_check_pending(&tls->ssl);
}

int tls_write(struct tls *tls, struct slice plain, size_t *np, struct err *err)
{
	int r;

	if (tls->failed)
		return is_over(err);
	r = mbedtls_ssl_write(&tls->ssl, (const unsigned char *)plain.p,
	                      plain.n);
	if (wants_more(r))
		return TLS_MORE;
	if (r < 0)
		return tls_fail(tls, r, err);
	*np = (size_t)r;
	return 0;
}

void tls_shut_down(struct tls *tls)
{
	if (tls->established && !tls->failed)
		(void)mbedtls_ssl_close_notify(&tls->ssl);
	tls->failed = true;
}

struct slice tls_output(struct tls *tls)
{
	struct buf empty = tls->sending;

	if (tls->sending.n > 0 || tls->output.n == 0)
		return slice_from("");
	tls->sending = tls->output;
	tls->output = empty;
	return buf_slice(&tls->sending);
}

void tls_sent(struct tls *tls)
{
	buf_fini(&tls->sending);
	buf_init(&tls->sending, TLS_MAX_OUTPUT);
}
