package uri

import (
	"strings"
	"testing"
)

// No secret comes through, whatever it is wrapped in.
func TestTargetSecrets(t *testing.T) {
	for _, target := range []string{
		"/a;jsessionid=geheim/b?c=d",
		"/a;x=1;jsessionid=geheim",
		"/login?next=%2Fcallback%3Ftoken%3Dgeheim",
		"/login?next=/callback?token=geheim",
		"/login?next=%252Fcallback%253Ftoken%253Dgeheim",
		"/build?buildargs=%7B%22NPM_TOKEN%22%3A%22geheim%22%7D",
		`/build?buildargs={"NPM_TOKEN":"geheim"}`,
		"/a?url=http%3A%2F%2Fme%3Ageheim%40host%2F%zz",
		"/a?url=http%3A%2F%2Fme%3Ageheim%40host%2",
	} {
		if got, _ := AppendTarget(nil, []byte(target), 8<<10); strings.Contains(string(got), "geheim") {
			t.Errorf("%s: %s", target, got)
		}
	}
	for _, target := range []string{"http://me:geheim@host/", "/a?url=http://me:geheim@host/"} {
		room := strings.Index(target, "m@host")
		if got, _ := AppendTarget(nil, []byte(target), room+1); strings.Contains(string(got), "gehei") {
			t.Errorf("%s, cut: %s", target, got)
		}
	}
}

func TestMaskedSecrets(t *testing.T) {
	for _, text := range []string{
		`<wsse:Password Type="plain">geheim</wsse:Password>`,
		`<password><![CDATA[geheim]]></password>`,
		`<entry key="password">geheim</entry>`,
		`<property name="password"><value>geheim</value></property>`,
		`<key>Password</key><string>geheim</string>`,
		"<member><name>password</name>\n <value><string>geheim</string></value></member>",
		`{"Env":["DB_PASSWORD=a\\geheim"]}`,
		`{"Env":["DB_PASSWORD=a\"geheim"]}`,
		`{"Env":["DB_PASSWORD=a&geheim"]}`,
	} {
		if got := string(AppendMasked(nil, []byte(text))); strings.Contains(got, "geheim") {
			t.Errorf("%s\n%s", text, got)
		}
	}
}

// No text takes time by the square of its length: these would take longer than
// any test may.
func TestMaskedLong(t *testing.T) {
	for _, unit := range []string{"<", ">", "<a", "<a>", "</", ">a</", ">token</", "<token>", `"token"`, `"token" `, "token=", `"token=`, "'", `\`, `\"`, "://", "a:", "]", " ", `"-a","`, "mysql -p", `"mysql","-p",`, `"-`, `"-a\`, `"a":"token",`, `["token" `, `["token",`, `{"value":{"a":"token"},`, " pw '", "-----BEGIN PRIVATE KEY-----"} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		AppendMasked(nil, []byte(text))
		AppendTarget(nil, []byte("/a?b="+text), len(text)+5)
	}
}
