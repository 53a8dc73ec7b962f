package app;

import static org.springframework.security.config.Customizer.withDefaults;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpMethod;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizationContext;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.RefreshTokenOAuth2AuthorizedClientProvider;
import org.springframework.security.oauth2.client.annotation.RegisteredOAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.servlet.util.matcher.PathPatternRequestMatcher;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shows who is signed in; ends the session at the provider too, and when the provider says so. */
@SpringBootApplication
@RestController
public class App {
    public static void main(String[] arguments) {
        SpringApplication.run(App.class, arguments);
    }

    @Bean
    SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        var atTheProvider = new OidcClientInitiatedLogoutSuccessHandler(clients);
        atTheProvider.setPostLogoutRedirectUri("{baseUrl}/");
        var signOut = PathPatternRequestMatcher.withDefaults().matcher(HttpMethod.GET, "/logout");
        return http.authorizeHttpRequests(requests -> requests.requestMatchers("/").permitAll().anyRequest().authenticated())
                .oauth2Login(withDefaults())
                .logout(logout -> logout.logoutRequestMatcher(signOut).logoutSuccessHandler(atTheProvider))
                .oidcLogout(logout -> logout.backChannel(withDefaults()))
                .build();
    }

    @GetMapping("/")
    Map<String, Object> home(@AuthenticationPrincipal OidcUser person) {
        return Collections.singletonMap("claims", person == null ? null : person.getClaims());
    }

    @GetMapping("/userinfo")
    Map<String, Object> userinfo(@AuthenticationPrincipal OidcUser person) {
        return person.getUserInfo().getClaims();
    }

    /** Refreshes as Spring does when the access token is about to end: in this app, that is always. */
    @GetMapping("/refresh")
    Map<String, Object> refresh(
            @RegisteredOAuth2AuthorizedClient("postern") OAuth2AuthorizedClient client,
            Authentication person) {
        var provider = new RefreshTokenOAuth2AuthorizedClientProvider();
        provider.setClockSkew(Duration.ofDays(1));
        var context = OAuth2AuthorizationContext.withAuthorizedClient(client).principal(person).build();
        return Map.of("scopes", provider.authorize(context).getAccessToken().getScopes());
    }
}
