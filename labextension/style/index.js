import './base.css';
import './panel.css';
import './cards.css';
import './forms.css';
import './nodes.css';
import './nodepage.css';
import './missed.css';
