/* SPDX-License-Identifier: Apache-2.0 */
/* tls: what failed, in words that say what to do. */
#include "io/tls_private.h"

#include <errno.h>

int tls_words(struct err *err, int code, const char *what, int mbedtls_code)
{
	char text[128];

	if (mbedtls_code == MBEDTLS_ERR_SSL_ALLOC_FAILED ||
	    mbedtls_code == MBEDTLS_ERR_X509_ALLOC_FAILED ||
	    mbedtls_code == MBEDTLS_ERR_PK_ALLOC_FAILED)
		return err_set_code(err, -ENOMEM, "%s", what);
	mbedtls_strerror(mbedtls_code, text, sizeof(text));
	return err_set(err, code, "%s: %s", what, text);
}

/* --- the peer's certificate ---------------------------------------------- */

static int unknown_authority(const struct tls *tls, struct err *err)
{
	const struct tls_context *context = tls->context;

	return err_set(err, -EPROTO,
	               "the certificate is of an unknown authority: %s %s",
	               context->system_ca
	                       ? "set tls_ca to its certificate; it is not in"
	                       : "it is not in",
	               context->files[TLS_FILE_CA].path);
}

/* Of several faults the first in this order is told. */
static int refused(const struct tls *tls, struct err *err)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
	char text[160];

	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		return err_set(err, -EPROTO, "the certificate has expired");
	if (flags & MBEDTLS_X509_BADCERT_FUTURE)
		return err_set(err, -EPROTO,
		               "the certificate is not valid yet: is the clock "
		               "right?");
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return unknown_authority(tls, err);
	if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
		return err_set(err, -EPROTO,
		               "the certificate is not issued for %s",
		               tls->host);
	if (flags & (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK |
	             MBEDTLS_X509_BADCERT_BAD_KEY))
		return err_set(err, -EPROTO,
		               "the certificate, or its authority's, is too "
		               "weak: SHA-256 and RSA with 2048 bits or more "
		               "are accepted");
	if (flags & (MBEDTLS_X509_BADCERT_KEY_USAGE |
	             MBEDTLS_X509_BADCERT_EXT_KEY_USAGE))
		return err_set(err, -EPROTO,
		               "the certificate is not one for servers");
	/* a line for each of the others; the first will do */
	(void)mbedtls_x509_crt_verify_info(text, sizeof(text), "", flags);
	return err_set(err, -EPROTO, "the certificate is refused: %.*s",
	               (int)strcspn(text, "\n"), text);
}

/* --- the peer's alerts --------------------------------------------------- */

static const struct alert {
	unsigned char code; /* RFC 8446, 6 */
	const char *name;
} alerts[] = {
	{ 20, "bad record MAC" },
	{ 40, "handshake failure" },
	{ 42, "bad certificate" },
	{ 43, "unsupported certificate" },
	{ 44, "certificate revoked" },
	{ 45, "certificate expired" },
	{ 46, "certificate unknown" },
	{ 48, "unknown authority" },
	{ 49, "access denied" },
	{ 70, "protocol version" },
	{ 71, "insufficient security" },
	{ 80, "internal error" },
	{ 112, "unrecognized name" },
	{ 116, "certificate required" },
	{ 120, "no application protocol" },
};

static bool is_about_us(unsigned code)
{
	return (code >= 42 && code <= 49) || code == 116;
}

static int alerted(const struct tls *tls, struct err *err)
{
	const unsigned char *body = tls->ssl.MBEDTLS_PRIVATE(in_msg);
	unsigned code = body ? body[1] : 0;
	const char *name = "unknown";
	const char *remedy = "";

	for (size_t i = 0; i < ARRAY_SIZE(alerts); i++)
		if (alerts[i].code == code)
			name = alerts[i].name;
	if (code == 70)
		remedy = ": it does not speak TLS 1.2 or later";
	else if (is_about_us(code) && tls->context->own.raw.p)
		remedy = ": it does not accept the certificate in tls_cert";
	else if (is_about_us(code))
		remedy = ": it wants a certificate of ours: set tls_cert and "
			 "tls_key";
	return err_set(err, -EPROTO, "the peer refused, alert %u (%s)%s", code,
	               name, remedy);
}

int tls_fail(struct tls *tls, int code, struct err *err)
{
	tls->failed = true;
	switch (code) {
	case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
		return refused(tls, err);
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return alerted(tls, err);
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		if (tls->established)
			break;
		return err_set(err, -EPROTO,
		               "the peer does not speak TLS: http://, without "
		               "s, may be right");
	default:
		break;
	}
	return tls_words(err, -EPROTO, "TLS", code);
}
